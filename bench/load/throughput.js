// Many clients over HTTP against the engine alone: what share of its rate is left to them?
import { complete, promptOf } from './complete.js';
import { bench, startServer } from './engine_beside.js';
import { percentile } from './client.js';

// Tokens a second of all clients together, from the first request to the last part of the last answer.
async function round(server, { clients, prompt, tokens }, base) {
  const begin = performance.now();
  const answers = await Promise.all(Array.from({ length: clients }, (_, i) =>
    complete(server, { prompt: promptOf(prompt, base + i), tokens, agent: false })));
  const seconds = (performance.now() - begin) / 1000;
  return answers.reduce((sum, answer) => sum + answer.tokens, 0) / seconds;
}

export async function throughput(options) {
  const { clients, prompt, tokens, repeat } = options;
  const server = await startServer({ ...options, args: ['--parallel', String(clients), '--num-ctx', String(prompt + tokens + 8)] });
  const overHttp = [];
  const alone = [];
  try {
    await round(server, options, 0); // brings the weights into memory
    for (let i = 1; i <= repeat; i += 1) {
      const { promptS, decodeS } = await bench(options, { prompt, tokens, batch: clients, runs: 1 });
      alone.push((clients * tokens) / (promptS + decodeS));
      overHttp.push(await round(server, options, i * clients));
    }
  } finally {
    await server.stop();
  }
  const rate = (numbers) => `${percentile(numbers, 0.5).toFixed(1)} tokens/s (${numbers.map((x) => x.toFixed(1)).join(', ')})`;
  return {
    good: true,
    rows: [
      ['clients', `${clients}, prompts of ${prompt} tokens, answers of ${tokens}`],
      ['hearth bench', rate(alone)],
      ['over HTTP', rate(overHttp)],
      ['share', (percentile(overHttp, 0.5) / percentile(alone, 0.5)).toFixed(3)],
    ],
  };
}
