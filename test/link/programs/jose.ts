/** jose: signed and encrypted tokens, through WebCrypto. */
import { CompactEncrypt, compactDecrypt, generateKeyPair, jwtVerify, SignJWT } from "jose";

for (const algorithm of ["ES256", "EdDSA", "PS256"]) {
  const { publicKey, privateKey } = await generateKeyPair(algorithm);
  const token = await new SignJWT({ pod: "pause" }).setProtectedHeader({ alg: algorithm }).setIssuer("test").sign(privateKey);
  const { payload, protectedHeader } = await jwtVerify(token, publicKey, { issuer: "test" });
  console.log(protectedHeader.alg, payload.pod, await jwtVerify(`${token.slice(0, -8)}AAAAAAAA`, publicKey).then(() => "valid", (error: { code: string }) => error.code));
}
const { publicKey, privateKey } = await generateKeyPair("RSA-OAEP-256");
const sealed = await new CompactEncrypt(Buffer.from("sealed")).setProtectedHeader({ alg: "RSA-OAEP-256", enc: "A256GCM" }).encrypt(publicKey);
console.log(Buffer.from((await compactDecrypt(sealed, privateKey)).plaintext).toString());
