// Completions of token ids over a connection that stays: the prompt has exactly the length that is asked for.
import http from 'node:http';

// Ids that no two prompts begin with alike, so that nothing comes out of the prefix cache.
export function promptOf(length, index) {
  let state = (index + 1) * 2654435761;
  return Array.from({ length }, () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return 16 + ((state >>> 8) % 200);
  });
}

// Resolves with { firstMs, totalMs, tokens } of a streamed completion.
export function complete({ url, model }, { prompt, tokens, agent }) {
  const body = JSON.stringify({
    model, prompt, max_tokens: tokens, temperature: 0, stream: true, stream_options: { include_usage: true },
  });
  const begin = performance.now();
  return new Promise((resolve, reject) => {
    const request = http.request(new URL('/v1/completions', url), {
      method: 'POST', agent, headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
    }, (response) => {
      let text = '';
      let firstMs;
      response.setEncoding('utf8');
      response.on('data', (data) => {
        firstMs ??= performance.now() - begin;
        text += data;
      });
      response.on('error', reject);
      response.on('end', () => {
        const totalMs = performance.now() - begin;
        if (response.statusCode !== 200 || !text.includes('data: [DONE]')) {
          reject(new Error(`/v1/completions: ${response.statusCode}: ${text.slice(-300)}`));
          return;
        }
        const events = text.split('\n').filter((line) => line.startsWith('data: {')).map((line) => JSON.parse(line.slice(6)));
        resolve({ firstMs, totalMs, tokens: events.findLast((event) => event.usage).usage.completion_tokens });
      });
    });
    request.on('error', reject);
    request.end(body);
  });
}
