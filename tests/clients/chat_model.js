// Makes a model that chats of a GGUF file that only goes on with a text: it gets a chat template, and what an answer needs
// to be still going on when its client leaves, which is a long context and an end token whose logit is 0 and so never the
// greatest. All other weights stay as they are. GGUF: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
import { readFileSync, writeFileSync } from 'node:fs';

const kTemplate =
  '{% for message in messages %}<{{ message.role }}>{{ message.content }}\n{% endfor %}' +
  '{% if add_generation_prompt %}<assistant>{% endif %}';
const kContextTokens = 16_384;

const kString = 8;
const kArray = 9;
const kHeaderBytes = 24; // magic, version, number of tensors, number of metadata entries
const kEntryCountAt = 16;
const kAlignment = 32;
const kScalarBytes = { 0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8 };

class Reader {
  constructor(bytes, at) {
    this.bytes = bytes;
    this.at = at;
  }

  u32() {
    this.at += 4;
    return this.bytes.readUInt32LE(this.at - 4);
  }

  u64() {
    this.at += 8;
    return Number(this.bytes.readBigUInt64LE(this.at - 8));
  }

  string() {
    const length = this.u64();
    this.at += length;
    return this.bytes.toString('utf8', this.at - length, this.at);
  }

  skip(type) {
    if (type === kString) {
      this.string();
    } else if (type === kArray) {
      const element = this.u32();
      const count = this.u64();
      if (kScalarBytes[element]) this.at += kScalarBytes[element] * count;
      else for (let i = 0; i < count; i += 1) this.skip(element);
    } else {
      this.at += kScalarBytes[type];
    }
  }

  tensor() {
    const name = this.string();
    const shape = Array.from({ length: this.u32() }, () => this.u64());
    this.at += 4; // type
    return { name, shape, offset: this.u64() };
  }
}

function stringBytes(text) {
  const bytes = Buffer.from(text);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(bytes.length));
  return Buffer.concat([length, bytes]);
}

const aligned = (n) => Math.ceil(n / kAlignment) * kAlignment;

// Zeroes a row of the matrix that makes logits. All its rows are of the same length, and it has no padding behind it.
function zeroOutputRow(data, tensors, row) {
  const output = tensors.find(({ name }) => name === 'output.weight') ?? tensors.find(({ name }) => name === 'token_embd.weight');
  const end = Math.min(data.length, ...tensors.map(({ offset }) => offset).filter((offset) => offset > output.offset));
  const rowBytes = (end - output.offset) / output.shape[1];
  if (!Number.isInteger(rowBytes)) throw new Error(`${output.name}: rows of ${rowBytes} bytes`);
  data.fill(0, output.offset + row * rowBytes, output.offset + (row + 1) * rowBytes);
}

// Returns { family, longContext }: whether the context could be made long.
export function writeChatModel(from, to) {
  const bytes = readFileSync(from);
  const reader = new Reader(bytes, kHeaderBytes);
  const tensorCount = Number(bytes.readBigUInt64LE(8));
  const entryCount = Number(bytes.readBigUInt64LE(kEntryCountAt));
  let family;
  let contextAt;
  let endToken = 2;
  for (let i = 0; i < entryCount; i += 1) {
    const key = reader.string();
    const type = reader.u32();
    if (key === 'general.architecture') family = new Reader(bytes, reader.at).string();
    if (key === `${family}.context_length`) contextAt = reader.at;
    if (key === 'tokenizer.ggml.eos_token_id') endToken = bytes.readUInt32LE(reader.at);
    if (key === 'tokenizer.chat_template') throw new Error(`${from} has a chat template already`);
    reader.skip(type);
  }
  const metadataEnd = reader.at;
  const tensors = Array.from({ length: tensorCount }, () => reader.tensor());
  const longContext = !tensors.some(({ name }) => name === 'position_embd.weight'); // which has a row for each position
  if (longContext) bytes.writeUInt32LE(kContextTokens, contextAt);
  const header = Buffer.from(bytes.subarray(0, kHeaderBytes));
  header.writeBigUInt64LE(BigInt(entryCount + 1), kEntryCountAt);
  const type = Buffer.alloc(4);
  type.writeUInt32LE(kString);
  const head = Buffer.concat([header, bytes.subarray(kHeaderBytes, metadataEnd), stringBytes('tokenizer.chat_template'), type,
    stringBytes(kTemplate), bytes.subarray(metadataEnd, reader.at)]);
  const data = Buffer.from(bytes.subarray(aligned(reader.at)));
  zeroOutputRow(data, tensors, endToken);
  writeFileSync(to, Buffer.concat([head, Buffer.alloc(aligned(head.length) - head.length), data]));
  return { family, longContext };
}
