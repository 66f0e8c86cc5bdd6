// Inclusion and consistency by their hashes alone (docs/evidence.md, “The tree”, “Consistency”), over
// the files of `bench/interop.py`: a checkpoint, its key, and many proofs.

import { base64, need, node } from "./event.mjs";
import { open } from "./note.mjs";

function splitOf(size) {
  let half = 1n;
  while (half * 2n < size) half *= 2n;
  return half;
}

function rootOf(index, size, leaf, path) {
  if (size === 1n) return leaf;
  const [beside, half] = [path.pop(), splitOf(size)];
  need(beside, "the path is too short");
  return index < half
    ? node(rootOf(index, half, leaf, path), beside)
    : node(beside, rootOf(index - half, size - half, leaf, path));
}

/** The heads of the first `old` leaves, and of all of them. */
function headsOf(old, size, oldRoot, path, isWhole) {
  const take = () => path.pop() ?? need(false, "the path is too short");
  if (old === size) {
    const head = isWhole ? oldRoot : take();
    return [head, head];
  }
  const [beside, half] = [take(), splitOf(size)];
  if (old <= half) {
    const [before, after] = headsOf(old, half, oldRoot, path, isWhole);
    return [before, node(after, beside)];
  }
  const [before, after] = headsOf(old - half, size - half, oldRoot, path, false);
  return [node(beside, before), node(beside, after)];
}

function holds(check) {
  try {
    return check();
  } catch {
    return false;
  }
}

function included(record, { size, root }) {
  const index = BigInt(record.i);
  need(index >= 0n && index < size, "no leaf of the tree");
  const path = record.proof.map((text) => base64(text, 32));
  const found = rootOf(index, size, base64(record.leaf, 32), path);
  return path.length === 0 && found.equals(root);
}

function consistent(tree, { size, root }) {
  const old = BigInt(tree.m);
  need(old > 0n && old <= size, "no size of the tree");
  const [path, oldRoot] = [tree.proof.map((text) => base64(text, 32)), base64(tree.root, 32)];
  const [before, after] = headsOf(old, size, oldRoot, path, true);
  return path.length === 0 && before.equals(oldRoot) && after.equals(root);
}

/** How many of a file's proofs hold. */
export function count(written) {
  const head = open(written.note, written.vkey);
  return {
    records: written.records.filter((one) => holds(() => included(one, head))).length,
    trees: written.trees.filter((one) => holds(() => consistent(one, head))).length,
  };
}
