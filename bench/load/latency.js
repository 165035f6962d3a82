// One client, nobody else: how much later than the engine alone has the first token does it come over HTTP?
import http from 'node:http';
import { complete, promptOf } from './complete.js';
import { bench, startServer } from './engine_beside.js';
import { milliseconds, percentile, spread } from './client.js';

const kRequestsARound = 50;

export async function latency(options) {
  const { prompt, repeat } = options;
  const server = await startServer(options);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const overHttp = [];
  const alone = [];
  try {
    for (let i = 0; i <= repeat; i += 1) {
      const { promptS } = await bench(options, { prompt, tokens: 2, batch: 1, runs: kRequestsARound });
      const round = [];
      for (let k = 0; k < kRequestsARound; k += 1) {
        const { firstMs } = await complete(server, { prompt: promptOf(prompt, i * kRequestsARound + k), tokens: 1, agent });
        round.push(firstMs);
      }
      if (i === 0) continue; // loads the model
      alone.push(promptS * 1000);
      overHttp.push(...round);
    }
  } finally {
    agent.destroy();
    await server.stop();
  }
  const added = percentile(overHttp, 0.5) - percentile(alone, 0.5);
  return {
    good: true,
    rows: [
      ['prompt', `${prompt} tokens`],
      ['engine alone', `medians ${alone.map(milliseconds).join(', ')}`],
      ['over HTTP', spread(overHttp)],
      ['HTTP adds', `${milliseconds(added)} (median; the measuring client's time is in it)`],
    ],
  };
}
