// Without any client: what no package above asks for.
import assert from 'node:assert/strict';
import test from 'node:test';
import { metric, model, url } from './server.js';

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
