// Signed notes and checkpoints (docs/evidence.md, “The checkpoint and its signature”).

import { createPublicKey, verify } from "node:crypto";
import { base64, need, sha256 } from "./event.mjs";

const KEY = /^([^+\s]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+=*)$/u;
const BODY = /^([^\n]+)\n(0|[1-9][0-9]{0,18})\n([^\n]+)\n(?:[^\n]+\n)*$/;

function keyOf(text) {
  const found = typeof text === "string" && KEY.exec(text);
  need(found, "the key is none");
  const [, name, id, coded] = found;
  const key = base64(coded, 33);
  need(key[0] === 1, "a key of another kind");
  need(sha256(Buffer.from(`${name}\n`), key).toString("hex", 0, 4) === id, "a key of another id");
  return { name, id, raw: key.subarray(1) };
}

export const nameOf = (text) => keyOf(text).name;

/** Size and root of a checkpoint that the key signed. */
export function open(note, vkey) {
  const key = keyOf(vkey);
  need(typeof note === "string", "no checkpoint");
  const end = note.lastIndexOf("\n\n");
  need(end >= 0, "no checkpoint");
  const [text, lines] = [note.slice(0, end + 1), note.slice(end + 2).split("\n")];
  const body = BODY.exec(text);
  need(body && body[1] === key.name, "the checkpoint of another log");
  const mine = lines
    .filter((line) => line.startsWith(`\u2014 ${key.name} `))
    .map((line) => base64(line.split(" ")[2]))
    .filter((data) => data.toString("hex", 0, 4) === key.id);
  need(mine.length > 0, "the key did not sign the checkpoint");
  const jwk = { kty: "OKP", crv: "Ed25519", x: key.raw.toString("base64url") };
  const made = createPublicKey({ key: jwk, format: "jwk" });
  for (const data of mine) {
    const good = data.length === 68 && verify(null, Buffer.from(text), made, data.subarray(4));
    need(good, "the signature is wrong");
  }
  return { size: BigInt(body[2]), root: base64(body[3], 32) };
}
