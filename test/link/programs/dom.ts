/** happy-dom: a page whose script runs in a context of its own, and changes it. */
import { Window } from "happy-dom";

const window = new Window({ url: "https://example.org/a?b=c#d", settings: { enableJavaScriptEvaluation: true, suppressInsecureJavaScriptEnvironmentWarning: true } });
window.document.write(`<ul id="list">${"<li class='x'>a &amp; b</li>".repeat(50)}</ul><form><input name="n" value="1" required></form>
  <script>globalThis.seen = document.querySelectorAll("li:nth-child(3n)").length; document.title = location.search;</script>`);
const { document } = window;
const seen: string[] = [];
new window.MutationObserver((records) => seen.push(...records.map(({ type }) => type))).observe(document.body, { childList: true, subtree: true });
document.querySelector("#list")?.addEventListener("click", (event) => seen.push((event.target as { textContent?: string } | null)?.textContent ?? ""));
(document.querySelector("li:last-child") as { click(): void } | null)?.click();
document.querySelector("ul")?.append(document.createElement("hr"));
await window.happyDOM.waitUntilComplete();
console.log(Reflect.get(window, "seen"), document.title, document.querySelectorAll("ul > .x").length, seen, "seen" in globalThis);
console.log([...new window.FormData(document.forms[0])].join(), window.getComputedStyle(document.body).display);
await window.happyDOM.close();
