/** ajv: validators made at run time. */
import Ajv from "ajv";

const validate = new Ajv().compile({ type: "object", properties: { a: { type: "integer", minimum: 3 } }, required: ["a"] });
console.log(validate({ a: 3 }), validate({ a: 2 }), validate.errors?.[0]?.message, validate({}), validate.errors?.[0]?.message);
