// What structured output costs an answer: the rate of tokens with each schema of schemas.json beside the rate without.
//
//   node bench/grammar/decode.js HEARTH MODEL.gguf [--tokens 64] [--repeat 3]
//   node bench/grammar/decode.js --peer FOLDER MODEL.gguf [...]      llama.cpp: node_modules of FOLDER has node-llama-cpp
//
// Every answer is drawn at temperature 1, schema after schema, with and without one right after the other; rates are all
// tokens by all seconds of decoding. One thread of the model, so that nothing but the tokens differs.
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { startHearth, stopHearth } from '../../tests/clients/hearth_process.js';

const kPrompt = 'An answer in JSON: ';
const { values: wish, positionals } = parseArgs({
  allowPositionals: true,
  options: { tokens: { type: 'string', default: '64' }, repeat: { type: 'string', default: '3' }, peer: { type: 'string' } },
});
const tokens = Number(wish.tokens);
const schemas = JSON.parse(readFileSync(join(dirname(fileURLToPath(import.meta.url)), 'schemas.json'), 'utf8'));

// Something that answers: `generate(schema or undefined, seed)` gives tokens and the seconds that decoding them took.
async function hearth(program, model) {
  const folder = mkdtempSync(join(tmpdir(), 'hearth-bench-'));
  symlinkSync(resolve(model), join(folder, 'model.gguf'));
  const server = startHearth(program, { models: folder, home: join(folder, 'home'), more: ['--num-thread', '1'] });
  const url = await server.listens;
  return {
    name: 'hearth',
    async generate(schema, seed) {
      const response = await fetch(`${url}/api/generate`, {
        method: 'POST',
        body: JSON.stringify({
          model: 'model', prompt: kPrompt, raw: true, stream: false, format: schema,
          options: { temperature: 1, seed, num_predict: tokens, num_ctx: 2 * tokens + 64 },
        }),
      });
      const answer = await response.json();
      if (!response.ok) throw new Error(JSON.stringify(answer));
      return { tokens: answer.eval_count, seconds: answer.eval_duration / 1e9 };
    },
    async stop() {
      await stopHearth(server);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function peer(folder, modelPath) {
  const require = createRequire(join(resolve(folder), 'package.json'));
  const { getLlama, LlamaLogLevel } = await import(pathToFileURL(require.resolve('node-llama-cpp')));
  const llama = await getLlama({ gpu: false, build: 'never', logLevel: LlamaLogLevel.error });
  const model = await llama.loadModel({ modelPath });
  const context = await model.createContext({ contextSize: 2 * tokens + 64, threads: 1 });
  const sequence = context.getSequence();
  const { LlamaGrammarEvaluationState } = await import(pathToFileURL(require.resolve('node-llama-cpp')));
  const grammars = new Map();
  return {
    name: 'llama.cpp',
    async generate(schema, seed) {
      if (schema !== undefined && !grammars.has(schema)) grammars.set(schema, await llama.createGrammarForJsonSchema(schema));
      await sequence.clearHistory();
      const grammarEvaluationState = schema === undefined ? undefined
        : new LlamaGrammarEvaluationState({ model, grammar: grammars.get(schema) });
      let n = 0;
      let began = 0;
      for await (const token of sequence.evaluate(model.tokenize(kPrompt), { temperature: 1, seed, grammarEvaluationState })) {
        n += 1;
        if (n === 1) began = performance.now();
        if (n > tokens || model.isEogToken(token)) break;
      }
      return { tokens: n - 1, seconds: (performance.now() - began) / 1000 };
    },
    async stop() { await llama.dispose(); },
  };
}

const subject = wish.peer ? await peer(wish.peer, positionals[0]) : await hearth(positionals[0], positionals[1]);
const shares = [];
let refused = 0;
try {
  await subject.generate(undefined, 1); // loads the model
  for (let repeat = 0; repeat < Number(wish.repeat); repeat += 1) {
    const sums = { free: { tokens: 0, seconds: 0 }, held: { tokens: 0, seconds: 0 } };
    for (const [i, { schema }] of schemas.entries()) {
      let held;
      try {
        held = await subject.generate(schema, i);
      } catch (error) {
        if (repeat === 0) console.log(`refused: ${schemas[i].name}: ${String(error.message).slice(0, 120)}`);
        refused += repeat === 0 ? 1 : 0;
        continue;
      }
      const free = await subject.generate(undefined, i);
      for (const [sum, one] of [[sums.held, held], [sums.free, free]]) {
        sum.tokens += one.tokens;
        sum.seconds += one.seconds;
      }
    }
    const rate = ({ tokens: n, seconds }) => n / seconds;
    shares.push(rate(sums.held) / rate(sums.free));
    console.log(`${subject.name} ${basename(positionals.at(-1))}: free ${rate(sums.free).toFixed(2)}, `
      + `with a schema ${rate(sums.held).toFixed(2)} tokens/s: ${(100 * shares.at(-1)).toFixed(1)} %`);
  }
} finally {
  await subject.stop();
}
shares.sort((a, b) => a - b);
console.log(`median ${(100 * shares[shares.length >> 1]).toFixed(1)} % of the rate without, ${schemas.length - refused} schemas`);
process.exit(0);
