#!/usr/bin/env python3
"""Check offline that a file is what an audit log holds: auditlog_verify.py FILE PROOF KEY

FILE is an export in JSONL or one event, PROOF came with it, KEY is the log's verifier key or a file that holds it,
and should come from elsewhere. Needs nothing but Python 3.9. Ends with 0: proven and complete; 1: refused; 2: called
wrongly, or a file cannot be read; 3: every event is proven, and something that is named is not. The format of
proofs, and what they do not show: docs/evidence.md of AuditSaaS.
"""
import base64, collections, datetime, decimal, functools, hashlib, ipaddress, json, math, os, re, sys, zlib
from typing import Any, Iterator

SLOTS = [names.split() for names in (
    "id", "received_at", "activity", "status", "method", "actor.id", "actor.name actor.email",
    "actor.role actor.status", "ip", "user_agent platform browser", "path status_code duration_ms request_id",
    "targets", "changes", "metadata", "idempotency_key")]
NAMES = ["occurred_at", *map(" or ".join, SLOTS), "source or a field that was added"]
ERASED = {5: '"erased-[0-9a-f]{12}"', 9: '{"browser":"","platform":"Other"}'}  # other parts are absent once erased
FILTERS = {"activity": (2, ""), "status": (3, ""), "method": (4, ""), "actor.id": (5, ""), "actor.email": (6, "email"),
           "role": (7, "role"), "user_status": (7, "status"), "ip": (8, ""), "platform": (9, "platform"),
           "source": (15, "source"), "from": (TIME := (-1, "")), "to": TIME}
LONGEST, EPOCH, TEXT = 8 << 20, datetime.datetime(1970, 1, 1), json.JSONEncoder(ensure_ascii=False).encode
P, L, D = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493, -121665 * pow(121666, -1, 2**255 - 19)
network, TLOG = functools.lru_cache(ipaddress.ip_network), "c2sp.org/tlog-proof@v1"

def need(holds: Any, otherwise: str) -> Any:  # an assert would be gone under python -O
    if not holds: raise ValueError(otherwise)

def sha(*data: bytes) -> bytes:
    return hashlib.sha256(b"".join(data)).digest()

def b64(text: str, size: int = 0) -> bytes:
    data = base64.b64decode(text, validate=True)
    return need(base64.b64encode(data).decode() == text and len(data) == (size or len(data)), "bad base64") or data

def whole(value: Any, least: int = -1 << 63, most: int = (1 << 63) - 1) -> int:
    return need(type(value) is int and least <= value <= most, "a number that cannot stand there") or value

def lines(path: str, most: float = math.inf) -> Iterator:
    """Yield the lines of a file, unpacked if it is packed, without ever holding much of it."""
    with open(path, "rb") as file:
        left, seen, packed = b"", 0, zlib.decompressobj(31) if file.peek(2)[:2] == b"\x1f\x8b" else None
        while block := file.read(1 << 16):
            while made := packed.decompress(block, 1 << 20) if packed else block:
                block = packed.unconsumed_tail if packed else b""
                *ended, left = (left + made).split(b"\n")
                yield from (line + b"\n" for line in ended)
                seen += len(made)
                need(len(left) <= LONGEST and seen <= most, "a line is longer than 8 MiB, or an event")
            need(not packed or not packed.unused_data, "a file goes on behind its packed end")
        need(not packed or packed.eof, "a file is cut off")
    if left: yield left

JSON = json.JSONDecoder(parse_constant=int, parse_float=lambda x: need(math.isfinite(float(x)), "too big") or float(x),
    object_pairs_hook=lambda all: need(len(dict(all)) == len(all), "a name stands twice in one object") or dict(all))

def read(line: bytes) -> dict:
    value = JSON.decode(line.decode() or need(False, "it is missing") or "")
    return need(type(value) is dict, "it is no JSON object") or dict(value)

def canonical(value: Any) -> str:
    """Write JSON as RFC 8785 does, but names by code point and whole numbers in full."""
    if type(value) is list: return "[" + ",".join(map(canonical, value)) + "]"
    if type(value) is dict: return "{" + ",".join(f"{TEXT(key)}:{canonical(value[key])}" for key in sorted(value)) + "}"
    if type(value) is not float: return TEXT(value)
    if value and not 1e-6 <= abs(value) < 1e21: return repr(value).replace("e-0", "e-")
    return re.sub(r"\.0$", "", f"{decimal.Decimal(repr(value or 0.0)):f}")

def micros(text: str) -> int:
    need(re.fullmatch(r"[0-9-]{10}T[0-9:]{8}(\.[0-9]{6})?(Z|\+00:00)", text), "a time has another form")
    return (datetime.datetime.fromisoformat(re.split("[Z+]", text)[0]) - EPOCH) // datetime.timedelta(microseconds=1)

def moment(time: int) -> str:
    return f"{(EPOCH + datetime.timedelta(microseconds=time)).isoformat()}Z"

def parts(row: dict) -> list:
    """Return the sixteen parts of an event, None for one that it does not have."""
    rest = {name: row[name] for name in row if name not in ("seq", "occurred_at", "workspace")}
    actor, made = dict(rest.pop("actor")), list[Any]()
    for names in SLOTS:
        held = [(actor, name[6:]) if name[:6] == "actor." else (rest, name) for name in names]
        found = {key: holder.pop(key) for holder, key in held if key in holder}
        made.append(found or None if len(names) > 1 else found.get(held[0][1]))
    need(not actor, "actor holds a field that was added")
    return [made[0], micros(made[1]), *made[2:], rest or None]

def part_hash(slot: int, salt: bytes, value: Any) -> bytes:
    return sha(b"\0", salt, bytes([slot]), b"\0" if value is None else b"\1" + canonical(value).encode())

def row_hashes(row: dict, line: dict) -> tuple:
    """Return the hashes of a row's parts, and the parts; of an erased one only the hash is known."""
    made, erased = parts(row), {int(slot): b64(text, 32) for slot, text in line.get("erased", {}).items()}
    salts = (hashlib.shake_256(b64(line["seed"], 16)).digest(256) if "seed" in line
             else b"".join(b64(salt, 16) for salt in line["salts"]))
    for at in erased:
        looks_so = 4 < at < 15 and re.fullmatch(ERASED.get(at, "null"), canonical(made[at]))
        need(looks_so, f"{NAMES[at + 1]} is said to be erased, and is there")
    known = {at: part for at, part in enumerate(made) if at not in erased}
    return [erased.get(at) or part_hash(at, salts[16 * at:16 * at + 16], made[at]) for at in range(16)], known

def fold(low: int, high: int, inside: range, made: Iterator, given: Iterator) -> bytes:
    """Hash the leaves from low to high (RFC 9162, 2.1.1); subtrees that hold none of inside are given."""
    if high <= inside.start or low >= inside.stop: return next(given, b"")
    if high - low == 1: return next(made)
    middle = low + (1 << (high - low - 1).bit_length() - 1)
    return sha(b"\1", fold(low, middle, inside, made, given), fold(middle, high, inside, made, given))

def signs(public: bytes, message: bytes, signature: bytes) -> bool:
    """Tell whether Ed25519 accepts a signature (RFC 8032, 5.1.7), and the key is not of small order."""
    def add(a: Any, b: Any) -> Any:
        x, y, d = a[0] * b[1] + b[0] * a[1], a[1] * b[1] + a[0] * b[0], D * a[0] * b[0] * a[1] * b[1]
        return x * pow(1 + d, -1, P) % P, y * pow(1 - d, -1, P) % P
    def times(n: int, a: Any) -> Any:
        half = times(n // 2, add(a, a)) if n else (0, 1)
        return add(half, a) if n % 2 else half
    def point(y: int, odd: int) -> Any:
        square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
        x = pow(square, (P + 3) // 8, P)
        x = x if x * x % P == square else x * pow(2, (P - 1) // 4, P) % P
        return need(y < P and x * x % P == square, "KEY is no point") or (x if x % 2 == odd else P - x, y)
    hashed = hashlib.sha512(signature[:32] + public + message).digest()
    y, s, h = (int.from_bytes(data, "little") for data in (public, signature[32:], hashed))
    key, base = point(y % 2**255, y >> 255), point(4 * pow(5, -1, P) % P, 0)
    x, y = add(times(s, base), times(h % L, (P - key[0], key[1])))
    return (y | x % 2 << 255).to_bytes(32, "little") == signature[:32] and s < L and times(8, key) != (0, 1)

def opened(note: str, vkey: str) -> tuple:
    """Return size and root of a checkpoint that the key signed (C2SP tlog-checkpoint, signed-note)."""
    (name, key_id, public), (body, _, end) = vkey.split("+", 2), note.rpartition("\n\n")
    good = sha(f"{name}\n".encode(), b64(public, 33))[:4].hex() == key_id and b64(public)[0] == 1
    need(good and re.fullmatch("[^\n]+\n(0|[1-9][0-9]{0,17})(\n[^\n]+)+", body), "KEY or checkpoint is damaged")
    made = [b64(line.split(" ")[2]) for line in end.split("\n") if line.startswith(f"\u2014 {name} ")]
    mine = [each[4:] for each in made if each[:4].hex() == key_id]
    need(mine and body.split("\n")[0] == name, "KEY did not sign the checkpoint")
    good = all(len(each) == 64 and signs(b64(public)[1:], f"{body}\n".encode(), each) for each in mine)
    return need(good, "the signature is wrong") or int(body.split("\n")[1]), b64(body.split("\n")[2], 32)

def meets(name: str, value: Any, wanted: str) -> Any:
    if value is None: return (name, wanted) in (("user_status", "active"), ("source", "none"))
    if name == "ip": return ipaddress.ip_address(value) in network(wanted)
    if name == "actor.email": return value.lower() == wanted.lower()
    return value == wanted or (name in ("activity", "source") and wanted[-1] == "*" and value.startswith(wanted[:-1]))

def fits(query: dict, at: int, known: dict) -> Any:
    """Tell whether an event matches the filter; None where what is known of it does not say."""
    asked = [(name, *FILTERS[name]) for name in query if FILTERS.get(name, TIME) != TIME]
    for name, slot, key in asked:
        value = known.get(slot) if not key or known.get(slot) is None else known[slot].get(key)
        if slot in known and not any(meets(name, value, wanted) for wanted in query[name]): return False
    return query.get("from", at) <= at < query.get("to", at + 1) and (all(s in known for _, s, _ in asked) or None)

def leaves(head: dict, proof: Iterator, rows: Iterator, told: dict) -> Iterator:
    """Yield the leaf of every number of the range, and count what is shown of each."""
    for seq in range(head["first"], head["last"] + 1):
        told["at"], known, hashes = f"the proof of number {seq}: ", {}, []
        line = read(next(proof, b""))
        if is_row := whole(line.get("in", 0), 0, 1):
            told["rows"], told["erased"] = told["rows"] + 1, told["erased"] + ("erased" in line)
            told["at"], raw = f"line {told['rows']} of the file (number {seq}): ", next(rows, b"")
            row = told["sha"].update(raw) or read(raw)
            need(whole(row["seq"]) == seq, f"it is number {row['seq']}, and {seq} belongs there")
            time, (hashes, known) = micros(row["occurred_at"]), row_hashes(row, line)
            fields = fold(0, 16, range(16), iter(hashes), iter(()))
        elif "open" in line:
            slot, salt, value = line["open"]
            time, known, given = whole(line["t"]), {whole(slot, 0, 15): value}, [b64(text, 32) for text in line["path"]]
            fields = fold(0, 16, range(slot, slot + 1), iter([part_hash(slot, b64(salt, 16), value)]), iter(given))
        else: time, fields = whole(line["t"]), b64(line["root"], 32)
        leaf = sha(b"\0\1", seq.to_bytes(8, "big"), time.to_bytes(8, "big", signed=True), fields)
        mark = b64(line.get("mark", ""))  # two bytes of each hash: it shows the place, and proves nothing
        bad = [at for at, each in enumerate([leaf, *hashes]) if mark[2 * at:] and each[:2] != mark[2 * at:2 * at + 2]]
        need(not bad, f"{NAMES[next(filter(None, bad), 0)]} is not as it was written")
        fit, start = fits(head["query"], time, known), head["query"].get("from", -1 << 62)
        need(not is_row or fit is not False, "the filter does not ask for it")
        told["early"] |= (early := seq == head["first"] and whole(known.get(1, 1 << 62)) < start - 900_000_000)
        told[("unread" if fit is None else "read") if is_row
             else "removed" if time == -1 << 63 and not any(fields) else "out" if early or fit is False
             else "gone" if line.get("gone") == 1 and time < head["cut"] else "hidden"] += 1
        yield leaf

def proven(head: dict, proof: Iterator, rows: Iterator, vkey: str, told: dict) -> int:
    """Check that rows and proof are what the log of a key holds; return how many events it had."""
    for step in head.get("keys", ()):  # the log's own records of new keys lead from an older one to the one that signs
        vkey = own(step, vkey, "tree.key_rotate")["key"] if step["key"] == vkey else vkey
    size, root = opened(head["checkpoint"], vkey)
    first, last = whole(head["first"], 1, size), whole(head["last"], whole(head["first"]), size)
    given = iter([b64(text, 32) for text in head["outside"]])
    found = fold(0, size, range(first - 1, last), leaves(head, proof, rows, told), given)
    told["at"], told["vkey"] = "", vkey
    need(found == root and not [*given], "file and proof fit each other, but not what the log holds")
    need(next(rows, b"") == b"", f"line {told['rows'] + 1} of the file is not in the proof")
    return need(next(proof, b"") == b"", "the proof goes on behind its end") or size

def own(record: dict, vkey: str, activity: str) -> dict:
    """Return the metadata of an event that the product itself recorded, and that comes with its proof."""
    (head, line), event = single(record["proof"]), record["event"]
    proven(head, iter([line]), iter([TEXT(event).encode()]), vkey, collections.defaultdict(int, sha=hashlib.sha256()))
    is_so = [event["activity"], event.get("source"), event["metadata"].get("key", vkey).split("+")[0]]
    return need(is_so == [activity, "product", vkey.split("+")[0]], f"no {activity} of its own") or event["metadata"]

def single(text: str) -> tuple:
    """Bring the proof of one event (C2SP tlog-proof@v1) into the form of an export's: head and line."""
    (kind, extra, index, *path), note = text.partition("\n\n")[0].split("\n"), text.partition("\n\n")[2]
    need((kind, extra[:6], index[:6]) == (TLOG, "extra ", "index "), "the proof of an event has another form")
    (low, high), before, after = (0, int(note.split("\n")[1])), path[:0], path[:0]
    for hashed in reversed(path):  # from the root down
        middle = low + (1 << (high - low - 1).bit_length() - 1)
        if int(index[6:]) < middle: high, after = middle, [hashed, *after]
        else: low, before = middle, [*before, hashed]
    seq, more = int(index[6:]) + 1, read(b64(extra[6:]))
    head = {**more, "checkpoint": note, "first": seq, "last": seq, "outside": before + after, "query": {}, "cut": 0}
    return head, TEXT({**more, "in": 1}).encode()

def export(head: dict, proof: Iterator, rows: Iterator, vkey: str, told: dict) -> int:
    """Check an export, and say in words what is proven and what is not."""
    need(head["format"] == "auditsaas-proof-v1" and whole(head["cut"]) is not None, "a proof of another form")
    for name in FILTERS.keys() & head["query"].keys():
        asked, kind = ([head["query"][name]], int) if name in ("from", "to") else (head["query"][name], str)
        need(type(asked) is list and {*map(type, asked)} == {kind} and "" not in asked, f"the filter {name} is none")
    size = proven(head, proof, rows, vkey, told)
    need(told["sha"].hexdigest() == head["sha256"], "its events are in the log, but it is not the file that was made")
    record = own(head["retention"], told["vkey"], "retention.apply")["before"] if "retention" in head else moment(0)
    unsaid = told["gone"] and micros(record) < head["cut"]
    unknown = ", ".join(ascii(name) for name in head["query"] if name not in FILTERS)
    doubts = [f"Not proven: {words}." for count, words in (
        (told["hidden"], f"that none is missing, for nothing is shown of {told['hidden']:,} events"),
        (unsaid, f"that {told['gone']:,} events were removed for their age, before {moment(head['cut'])}"),
        (told["unread"], f"that {told['unread']:,} events match, which are erased where the filter looks"),
        (unknown, f"what the filter means by {unknown}, which no proof can show")) if count]
    shown = {name: moment(each) if name in ("from", "to") else each for name, each in head["query"].items()}
    words, span = "in the log as they were written", f"numbers {head['first']:,} to {head['last']:,}"
    print(f"Proven{', but NOT complete' if doubts else ' and complete'}: all events of the file ({told['rows']:,}) are "
          f"{words}{'' if doubts else f', and of {span} none that the filter asks for is missing'}.", *doubts,
          f"Filter: {json.dumps(shown)}.", f"Of {size:,} events {span} were looked at: {told['rows']:,} in the file ("
          f"{told['erased']} erased in part), {told['out']:,} other, {told['gone'] + told['removed']} gone.", sep="\n")
    if head["first"] > 1: print("Those before", "came too early to match." if told["early"] else "are not looked at.")
    return 3 if doubts else 0

def main(arguments: list) -> int:
    """Check what the arguments name; return how it ends."""
    if len(arguments) != 3 or re.search("[.](csv|xlsx|parquet|pdf)([.]gz)?$", arguments[0]):
        return print(__doc__, "\nTables leave out what a log holds: check the .jsonl that lies beside yours.") or 2
    told: dict = collections.defaultdict(lambda: 0, {"at": "", "sha": hashlib.sha256()})
    try:
        (rows, proof), key = map(lines, arguments[:2]), arguments[2]
        vkey, top = next(lines(key)).decode().strip() if os.path.isfile(key) else key, next(proof, b"")
        if top != f"{TLOG}\n".encode(): code = export(read(top), proof, rows, vkey, told)
        else:
            head, line = single(b"".join(lines(arguments[1], LONGEST)).decode())
            size = proven(head, iter([line]), iter([b"".join(lines(arguments[0], LONGEST))]), vkey, told)
            code = print(f"Proven: the event is in the log as it was written, {head['first']:,} of {size:,}.") or 0
        return print("Signed by", ascii("+".join(told["vkey"].split("+", 2)[:2])) + ", which you should know.") or code
    except OSError as error:
        return print(f"Cannot read {error.filename!a}: {error.strerror}.") or 2
    except Exception as error:  # whatever a forger thinks of: a refusal, and no traceback
        words = ascii(str(error))[1:-1] if type(error) is ValueError else "it has another form"
        return print(f"Refused: {told['at']}{words}.") or 1

if __name__ == "__main__": sys.exit(main(sys.argv[1:]))
