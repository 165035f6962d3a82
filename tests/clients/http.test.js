// Without any client: what no package above asks for.
import assert from 'node:assert/strict';
import test from 'node:test';
import { embedModel, messages, metric, model, url } from './server.js';

const post = (path, body) =>
  fetch(url + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

test('health tells that the server is well', async () => {
  const response = await fetch(`${url}/health`);
  assert.equal(response.status, 200);
  const body = await response.json();
  assert.equal(body.status, 'ok');
  assert.match(body.version, /^\d+\.\d+/);
});

test('metrics count requests and tokens', async () => {
  const name = 'hearth_tokens_total';
  const generate = () => post('/api/generate', { model, prompt: 'once', stream: false, options: { num_predict: 8 } });
  assert.equal((await generate()).status, 200);
  const before = { tokens: await metric(name), requests: await metric('hearth_requests_total') };
  assert.equal((await generate()).status, 200);
  assert.ok((await metric(name)) > before.tokens);
  assert.ok((await metric('hearth_requests_total')) >= before.requests + 2);
  for (const known of ['hearth_models_loaded', 'hearth_model_memory_bytes', 'process_resident_memory_bytes']) {
    assert.ok((await metric(known)) > 0, known);
  }
});

test('text becomes tokens, and tokens text again', async () => {
  const content = 'once upon';
  const { tokens, count } = await (await post('/tokenize', { model, content })).json();
  assert.equal(tokens.length, count);
  const back = await (await post('/detokenize', { model, tokens })).json();
  assert.equal(back.content.trim(), content);
  const pieces = (await (await post('/tokenize', { model, content, with_pieces: true })).json()).tokens;
  assert.deepEqual(pieces.map((entry) => entry.id), tokens);
  const chat = await (await post('/tokenize', { model, messages })).json();
  const answer = await (await post('/v1/chat/completions', { model, messages, max_tokens: 1 })).json();
  assert.equal(chat.count, answer.usage.prompt_tokens, 'as a conversation is charged');
});

test('documents are ranked', async () => {
  const documents = ['another text', 'one text', 'something else'];
  const { results } = await (await post('/v1/rerank', { model: embedModel, query: 'one text', documents })).json();
  assert.deepEqual(results.map((result) => result.index).sort(), [0, 1, 2]);
  assert.equal(results[0].index, 1, 'the query itself comes first');
});

test('the root says that it runs, and an unknown path that it is unknown', async () => {
  assert.match(await (await fetch(url)).text(), /is running/);
  assert.equal((await fetch(`${url}/no/such/path`)).status, 404);
  assert.equal((await fetch(`${url}/api/chat`)).status, 405);
});

test('a page of another site gets nothing', async () => {
  const response = await fetch(`${url}/api/tags`, { headers: { origin: 'https://evil.example' } });
  assert.equal(response.status, 403);
  const routes = await post('/api/generate', 'not an object');
  assert.equal(routes.status, 400);
  assert.ok((await routes.json()).error);
});
