// Requests to the server under test, as seen from outside.
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

const headers = (options) => ({
  'content-type': 'application/json', ...(options.key ? { authorization: `Bearer ${options.key}` } : {}),
});

// A streamed answer on a connection of its own, to a prompt or, where there are `messages`, in a conversation. Resolves
// when it has ended, however: { status, text, done, tokens, retryAfter, error, firstMs, totalMs }. `onPart(request)` is
// called with each part of the body.
export function generate(options, { prompt = 'once', messages, tokens, onPart = () => {} }) {
  const asked = messages === undefined ? { prompt } : { messages };
  const body = JSON.stringify({
    model: options.model, ...asked, stream: true, options: { num_predict: tokens, temperature: 0 },
  });
  const path = messages === undefined ? '/api/generate' : '/api/chat';
  const begin = performance.now();
  const outcome = {
    status: 0, text: '', done: false, tokens: 0, retryAfter: undefined, error: undefined, firstMs: undefined,
  };
  return new Promise((resolve) => {
    const end = (error) => {
      outcome.error ??= error?.code ?? error?.message;
      outcome.totalMs = performance.now() - begin;
      resolve(outcome);
    };
    const request = http.request(new URL(path, options.url),
      { method: 'POST', agent: false, headers: { ...headers(options), 'content-length': Buffer.byteLength(body) } },
      (response) => {
        outcome.status = response.statusCode;
        outcome.retryAfter = response.headers['retry-after'];
        let rest = '';
        response.setEncoding('utf8');
        response.on('data', (data) => {
          outcome.firstMs ??= performance.now() - begin;
          const lines = (rest + data).split('\n');
          rest = lines.pop();
          if (outcome.status === 200) {
            for (const line of lines.filter(Boolean)) {
              const part = JSON.parse(line);
              outcome.text += part.response ?? part.message?.content ?? '';
              outcome.done ||= part.done === true;
              outcome.tokens += part.eval_count ?? 0;
              outcome.error ??= part.error;
            }
          }
          onPart(request);
        });
        response.on('end', () => end());
        response.on('error', end);
      });
    request.on('error', end);
    request.end(body);
  });
}

export async function metric(options, name) {
  const text = await new Promise((resolve, reject) => {
    http.get(new URL('/metrics', options.url), { agent: false, headers: headers(options) }, (response) => {
      let all = '';
      response.setEncoding('utf8');
      response.on('data', (data) => { all += data; });
      response.on('end', () => (response.statusCode === 200 ? resolve(all) : reject(new Error(`/metrics: ${response.statusCode}`))));
    }).on('error', reject);
  });
  const line = text.split('\n').find((candidate) => candidate.startsWith(`${name} `));
  if (line === undefined) throw new Error(`/metrics has no ${name}`);
  return Number(line.slice(name.length + 1));
}

// Milliseconds until no engine works any more; undefined: not within `timeoutMs`.
export async function untilIdle(options, timeoutMs = 30_000) {
  const begin = performance.now();
  while (performance.now() - begin < timeoutMs) {
    if ((await metric(options, 'hearth_running_requests')) === 0) return performance.now() - begin;
    await sleep(5);
  }
  return undefined;
}

export function residentKiB(pid) {
  const match = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(match[1]);
}

// What a request has become: its whole answer, a refusal that says when to come back, or something that nobody should get.
export const isWhole = (one) => one.status === 200 && one.done && !one.error;
export const isRefused = (one) => one.status === 429 || one.status === 503;
export const saysWhen = (one) => /^[1-9][0-9]*$/.test(one.retryAfter ?? '');

export function percentile(numbers, share) {
  if (numbers.length === 0) return NaN;
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

export const milliseconds = (number) => (Number.isFinite(number) ? `${number.toFixed(number < 10 ? 2 : 0)} ms` : 'none');
export const spread = (numbers) =>
  `p50 ${milliseconds(percentile(numbers, 0.5))}, p99 ${milliseconds(percentile(numbers, 0.99))}, most ${milliseconds(percentile(numbers, 1))}`;
