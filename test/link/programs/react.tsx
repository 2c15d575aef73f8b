/** React on a server: a page rendered to a stream, with a part that comes later. */
import { Suspense, use } from "react";
import { renderToReadableStream } from "react-dom/server";

const late = new Promise<string>((resolve) => setTimeout(() => resolve("late"), 10));
const Late = () => <b>{use(late)}</b>;
const stream = await renderToReadableStream(<main><p>{"<escaped>"}</p><Suspense fallback="..."><Late /></Suspense></main>);
const page = await new Response(stream).text();
console.log(page.includes("&lt;escaped&gt;"), page.includes("<b>late</b>"));
