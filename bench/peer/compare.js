// Hearth beside llama.cpp on one model and one machine, in one run: rounds of both alternate, so that what else
// the machine does meets both, and medians are compared.
//
//   npm install --ignore-scripts        (once, in this folder: llama.cpp, prebuilt, out of node-llama-cpp)
//   node compare.js HEARTH MODEL.gguf [--prompt 512] [--gen 64] [--batch 1,8,32] [--threads 2] [--rounds 5] [--json]
//
// Greedy answers to prompts of token ids; a batch is of sequences that decode together, each after its own
// short prompt. The share of the bandwidth is Hearth's, from `hearth bench`, measured in the same rounds.
import { execFile } from 'node:child_process';
import { parseArgs, promisify } from 'node:util';
import { LlamaLogLevel, getLlama } from 'node-llama-cpp';

const kBatchPrompt = 8; // tokens before the answers of a batch

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    prompt: { type: 'string', default: '512' },
    gen: { type: 'string', default: '64' },
    batch: { type: 'string', default: '1,8,32' },
    threads: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '5' },
    json: { type: 'boolean', default: false },
  },
});
const [hearth, model] = positionals;
const [prompt, gen, threads, rounds] = ['prompt', 'gen', 'threads', 'rounds'].map((name) => Number(values[name]));
const batches = values.batch.split(',').map(Number);
if (!model || ![prompt, gen, threads, rounds, ...batches].every((n) => Number.isInteger(n) && n > 0) || gen < 2) {
  console.error('usage: node compare.js HEARTH MODEL.gguf [--prompt N] [--gen N (at least 2)] [--batch N,N] [--threads N] [--rounds N] [--json]');
  process.exit(2);
}

// Ids of a vocabulary of any usual size, others for each seed.
const someTokens = (n, seed) => Array.from({ length: n }, (_, i) => 300 + ((i * 104729 + seed * 7907) % 30000));
const seconds = (begin) => (performance.now() - begin) / 1000;
const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

class LlamaCpp {
  static async load() {
    const self = new LlamaCpp();
    const llama = await getLlama({ gpu: false, build: 'never', logLevel: LlamaLogLevel.error });
    self.model = await llama.loadModel({ modelPath: model });
    return self;
  }

  async promptRate(seed) {
    const context = await this.model.createContext({ contextSize: prompt + 64, batchSize: 512, threads });
    const sequence = context.getSequence();
    const begin = performance.now();
    await sequence.evaluateWithoutGeneratingNewTokens(someTokens(prompt, seed));
    const rate = prompt / seconds(begin);
    await context.dispose();
    return rate;
  }

  // From the moment when every sequence has its first token.
  async decodeRate(batch, seed) {
    const context = await this.model.createContext({
      contextSize: kBatchPrompt + gen + 64, sequences: batch, batchSize: 512, threads,
    });
    let lastFirst = 0;
    let count = 0;
    const decode = async (sequence, i) => {
      let n = 0;
      for await (const _ of sequence.evaluate(someTokens(kBatchPrompt, seed * 64 + i), { temperature: 0 })) {
        n += 1;
        if (n === 1) lastFirst = Math.max(lastFirst, performance.now());
        else count += 1;
        if (n > gen) return;
      }
    };
    await Promise.all(Array.from({ length: batch }, () => context.getSequence()).map(decode));
    const rate = count / seconds(lastFirst);
    await context.dispose();
    return rate;
  }
}

async function hearthBench(promptTokens, batch) {
  const args = ['bench', model, '--json', '--quiet', '--repeat', '1', '--prompt', promptTokens, '--gen', gen,
    '--batch', batch, '--num-thread', threads].map(String);
  return JSON.parse((await promisify(execFile)(hearth, args)).stdout);
}

const peer = await LlamaCpp.load();
const samples = new Map(); // by row: {hearth, peer, share} of each round
const add = (row, sample) => samples.set(row, [...(samples.get(row) ?? []), sample]);
for (let round = 0; round <= rounds; round += 1) {
  const counts = round > 0; // the first brings weights into memory
  const peerPrompt = await peer.promptRate(round);
  for (const batch of batches) {
    const decode = await peer.decodeRate(batch, round);
    const ours = await hearthBench(batch === 1 ? prompt : kBatchPrompt, batch);
    if (!counts) continue;
    if (batch === 1) add(`prompt ${prompt}`, { hearth: ours.prompt_tokens_per_s, peer: peerPrompt });
    add(`decode, batch ${batch}`, {
      hearth: ours.decode_tokens_per_s, peer: decode, share: ours.decode_bandwidth_share,
    });
  }
}

const rows = [...samples].map(([name, taken]) => {
  const of = (key) => (taken[0][key] === undefined ? undefined : median(taken.map((sample) => sample[key])));
  return { name, hearth: of('hearth'), peer: of('peer'), ratio: of('hearth') / of('peer'), share: of('share'), rounds: taken };
});
if (values.json) {
  console.log(JSON.stringify({ model: model.split('/').pop(), threads, rounds, rows }, null, 2));
} else {
  console.log('| tokens/s | Hearth | llama.cpp | ratio | share of the bandwidth |\n|---|---|---|---|---|');
  for (const { name, hearth: ours, peer: theirs, ratio, share } of rows) {
    const percent = share === undefined ? '' : `${(100 * share).toFixed(0)} %`;
    console.log(`| ${name} | ${ours.toFixed(1)} | ${theirs.toFixed(1)} | ${ratio.toFixed(2)} | ${percent} |`);
  }
}
process.exit(0);
