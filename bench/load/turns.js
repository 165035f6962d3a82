// A long chat's next turn: what does it cost beside the first one, whose tokens are in the prefix cache then?
import http from 'node:http';
import { milliseconds, percentile } from './client.js';

// About three tokens each.
const kWords = ['river ', 'lantern ', 'mountain ', 'quietly ', 'seventeen ', 'garden ', 'winter ', 'music '];

function words(count, seed) {
  let state = seed >>> 0;
  let text = '';
  for (let i = 0; i < count; i += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    text += kWords[state >>> 29];
  }
  return text;
}

// Resolves with { firstMs, message, promptTokens, cachedTokens } of one turn.
function turn(options, messages) {
  const body = JSON.stringify({
    model: options.model, messages, stream: true, stream_options: { include_usage: true }, temperature: 0, max_tokens: options.tokens,
  });
  const begin = performance.now();
  return new Promise((resolve, reject) => {
    const request = http.request(new URL('/v1/chat/completions', options.url), {
      method: 'POST', agent: false,
      headers: { 'content-type': 'application/json', ...(options.key ? { authorization: `Bearer ${options.key}` } : {}) },
    }, (response) => {
      let text = '';
      let firstMs;
      response.setEncoding('utf8');
      response.on('data', (data) => {
        text += data;
        if (firstMs === undefined && /"content":"[^"]/.test(text)) firstMs = performance.now() - begin;
      });
      response.on('error', reject);
      response.on('end', () => {
        if (response.statusCode !== 200) {
          reject(new Error(`/v1/chat/completions: ${response.statusCode}: ${text.slice(0, 300)}`));
          return;
        }
        const events = text.split('\n').filter((line) => line.startsWith('data: {')).map((line) => JSON.parse(line.slice(6)));
        const usage = events.findLast((event) => event.usage).usage;
        resolve({
          firstMs: firstMs ?? performance.now() - begin,
          message: events.map((event) => event.choices?.[0]?.delta?.content ?? '').join(''),
          promptTokens: usage.prompt_tokens,
          cachedTokens: usage.prompt_tokens_details?.cached_tokens ?? 0,
        });
      });
    });
    request.on('error', reject);
    request.end(body);
  });
}

export async function turns(options) {
  const rows = [];
  const shares = [];
  // A small turn first, which loads the model and tells how many tokens a word has.
  const probe = await turn(options, [{ role: 'user', content: words(1000, 1) }]);
  const wordsOf = (tokens) => Math.floor((tokens * 1000) / probe.promptTokens);
  for (let i = 1; i <= options.repeat; i += 1) {
    const messages = [{ role: 'user', content: words(wordsOf(options.prompt), 7919 * i) }];
    const first = await turn(options, messages);
    messages.push({ role: 'assistant', content: first.message }, { role: 'user', content: words(16, 104729 * i) });
    const second = await turn(options, messages);
    shares.push(second.firstMs / first.firstMs);
    rows.push([`chat ${i}`, `first turn ${first.promptTokens} tokens: ${milliseconds(first.firstMs)}; second ${second.promptTokens}, ` +
      `of them ${second.cachedTokens} cached: ${milliseconds(second.firstMs)}`]);
  }
  const share = percentile(shares, 0.5);
  return { good: true, rows: [...rows, ['second over first', share.toFixed(4)]] };
}
