import * as Comlink from "comlink";
import { create, all } from "mathjs";

const math = create(all);
Comlink.expose({ evaluate: (text: string) => String(math.evaluate(text)) });
