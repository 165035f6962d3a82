// openai-node.
import assert from 'node:assert/strict';
import test from 'node:test';
import OpenAI from 'openai';
import {
  assertLeavingFreesTheSlot, assertPerson, assertText, assertUnit, embedModel, manyTokens, messages, missingModel, model,
  noLongAnswers, personSchema, thinkModel, toolModel, url,
} from './server.js';

const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'unused', maxRetries: 0 });
const chat = { model, messages, temperature: 0, max_tokens: 24 };

test('models are listed and shown', async () => {
  const ids = [];
  for await (const entry of openai.models.list()) ids.push(entry.id);
  const id = ids.find((name) => name === model || name === `${model}:latest`);
  assert.ok(id, `${ids}`);
  const shown = await openai.models.retrieve(id);
  assert.equal(shown.id, id);
  assert.equal(shown.object, 'model');
  await assert.rejects(openai.models.retrieve(missingModel), OpenAI.NotFoundError);
});

test('chat answers with text and usage', async () => {
  const answer = await openai.chat.completions.create(chat);
  assert.equal(answer.object, 'chat.completion');
  assert.equal(answer.choices.length, 1);
  assertText(answer.choices[0].message.content);
  assert.equal(answer.choices[0].finish_reason, 'length');
  assert.equal(answer.usage.completion_tokens, 24);
  assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + 24);
  const other = await openai.chat.completions.create({ ...chat, max_tokens: undefined, max_completion_tokens: 5 });
  assert.equal(other.usage.completion_tokens, 5);
});

test('chat as a stream says the same, with usage at its end', async () => {
  const whole = await openai.chat.completions.create(chat);
  const stream = await openai.chat.completions.create({ ...chat, stream: true, stream_options: { include_usage: true } });
  let text = '';
  const finished = [];
  let usage;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta.content ?? '';
    if (chunk.choices[0]?.finish_reason) finished.push(chunk.choices[0].finish_reason);
    usage = chunk.usage ?? usage;
  }
  assert.equal(text, whole.choices[0].message.content);
  assert.deepEqual(finished, ['length']);
  assert.deepEqual([usage.prompt_tokens, usage.completion_tokens],
    [whole.usage.prompt_tokens, whole.usage.completion_tokens]);
});

test('n gives so many answers', async () => {
  const answer = await openai.chat.completions.create({ ...chat, n: 3, temperature: 1, seed: 5, max_tokens: 32 });
  assert.deepEqual(answer.choices.map((choice) => choice.index), [0, 1, 2]);
  assert.equal(new Set(answer.choices.map((choice) => choice.message.content)).size, 3);
  const stream = await openai.chat.completions.create({ ...chat, n: 2, stream: true });
  const texts = ['', ''];
  for await (const chunk of stream) {
    for (const choice of chunk.choices) texts[choice.index] += choice.delta.content ?? '';
  }
  assertText(texts[0]);
  assert.equal(texts[0], texts[1], 'greedy');
});

test('the same seed gives the same text, another one another', async () => {
  const say = async (seed) =>
    (await openai.chat.completions.create({ ...chat, seed, temperature: 1 })).choices[0].message.content;
  assert.equal(await say(7), await say(7));
  assert.notEqual(await say(7), await say(8));
});

test('logprobs come for each token', async () => {
  const answer = await openai.chat.completions.create({ ...chat, logprobs: true, top_logprobs: 4 });
  const { content } = answer.choices[0].logprobs;
  assert.equal(content.length, 24);
  for (const entry of content) {
    assert.ok(entry.logprob <= 0);
    assert.ok(Array.isArray(entry.bytes));
    assert.equal(entry.top_logprobs.length, 4);
  }
});

test('stop strings end the answer', async () => {
  const whole = (await openai.chat.completions.create(chat)).choices[0].message.content;
  const stop = whole.slice(3, 5);
  const answer = await openai.chat.completions.create({ ...chat, stop });
  assert.equal(answer.choices[0].message.content, whole.slice(0, whole.indexOf(stop)));
  assert.equal(answer.choices[0].finish_reason, 'stop');
});

test('completions go on with prompts', async () => {
  const answer = await openai.completions.create({ model, prompt: 'once', temperature: 0, max_tokens: 16, logprobs: 2 });
  assertText(answer.choices[0].text);
  assert.equal(answer.choices[0].logprobs.token_logprobs.length, 16);
  const two = await openai.completions.create({ model, prompt: ['once', 'twice'], temperature: 0, max_tokens: 4 });
  assert.equal(two.choices.length, 2);
});

test('embeddings come as base64 and as numbers', async () => {
  const packed = await openai.embeddings.create({ model: embedModel, input: ['one text', 'another'] });
  assert.equal(packed.data.length, 2);
  assertUnit(packed.data[0].embedding);
  const plain = await openai.embeddings.create({ model: embedModel, input: 'one text', encoding_format: 'float' });
  plain.data[0].embedding.forEach((x, i) => assert.ok(Math.abs(x - packed.data[0].embedding[i]) < 1e-6));
  assert.ok(plain.usage.prompt_tokens > 0);
  const short = await openai.embeddings.create({ model: embedModel, input: 'one text', dimensions: 8 });
  assert.equal(short.data[0].embedding.length, 8);
});

test('errors are of the class of their status', async () => {
  await assert.rejects(openai.chat.completions.create({ ...chat, model: missingModel }), (error) => {
    assert.ok(error instanceof OpenAI.NotFoundError);
    assert.match(error.message, /no-such-model/);
    return true;
  });
  await assert.rejects(openai.chat.completions.create({ ...chat, temperature: 'hot' }), OpenAI.BadRequestError);
  await assert.rejects(openai.chat.completions.create({ ...chat, messages: 'none' }), OpenAI.BadRequestError);
  await assert.rejects(openai.chat.completions.create({ ...chat, model: embedModel }), OpenAI.BadRequestError);
});

test('a client that leaves frees the slot', { skip: noLongAnswers }, async () => {
  let stream;
  await assertLeavingFreesTheSlot(
    async () => {
      stream = await openai.chat.completions.create({ ...chat, max_tokens: manyTokens, stream: true });
      await stream[Symbol.asyncIterator]().next();
    },
    async () => stream.controller.abort(),
  );
});

test('responses remember what was said', async () => {
  const first = await openai.responses.create({ model, input: 'tell me a tale', temperature: 0, max_output_tokens: 24 });
  assertText(first.output_text);
  assert.equal(first.status, 'incomplete');
  assert.equal(first.incomplete_details.reason, 'max_output_tokens');
  const second = await openai.responses.create({
    model, input: 'go on', previous_response_id: first.id, temperature: 0, max_output_tokens: 24,
  });
  assert.ok(second.usage.input_tokens > first.usage.input_tokens + 24, 'the first exchange is in the prompt');
  assert.equal((await openai.responses.retrieve(first.id)).output_text, first.output_text);
  await openai.responses.delete(first.id);
  await assert.rejects(openai.responses.retrieve(first.id), OpenAI.NotFoundError);
});

test('responses stream as events', async () => {
  const request = { model, input: 'tell me a tale', instructions: 'be brief', temperature: 0, max_output_tokens: 24 };
  const whole = await openai.responses.create(request);
  const stream = await openai.responses.create({ ...request, stream: true });
  const types = [];
  let text = '';
  for await (const event of stream) {
    types.push(event.type);
    if (event.type === 'response.output_text.delta') text += event.delta;
  }
  assert.equal(types[0], 'response.created');
  assert.ok(['response.completed', 'response.incomplete'].includes(types.at(-1)), types.at(-1));
  assert.equal(text, whole.output_text);
});

test('reasoning stands apart from the answer', { skip: !thinkModel }, async () => {
  const answer = await openai.chat.completions.create({ ...chat, model: thinkModel, reasoning_effort: 'high' });
  const { message } = answer.choices[0];
  assertText(message.reasoning ?? message.reasoning_content);
  assert.ok(!message.content);
});

test('an answer is held to a schema, as a whole and as a stream', async () => {
  const request = {
    model, messages, temperature: 1, seed: 3,
    response_format: { type: 'json_schema', json_schema: { name: 'person', strict: true, schema: personSchema } },
  };
  const whole = await openai.chat.completions.parse(request);
  assertPerson(whole.choices[0].message.parsed);
  assert.equal(whole.choices[0].finish_reason, 'stop');
  const streamed = await openai.chat.completions.stream(request).finalChatCompletion();
  assert.deepEqual(JSON.parse(streamed.choices[0].message.content), whole.choices[0].message.parsed);
});

test('an answer is held to a grammar, an expression or a choice', async () => {
  const say = async (constraint) =>
    (await openai.chat.completions.create({ model, messages, temperature: 1, ...constraint })).choices[0].message.content;
  assert.match(await say({ grammar: 'root ::= ("ab" | "ba") [0-9]{3}' }), /^(ab|ba)[0-9]{3}$/);
  assert.match(await say({ regex: '[a-c]{4}' }), /^[a-c]{4}$/);
  assert.ok(['yes', 'no'].includes(await say({ choices: ['yes', 'no'] })));
  const { choices } = await openai.completions.create({ model, prompt: 'once', regex: '[xy]{5}' });
  assert.match(choices[0].text, /^[xy]{5}$/);
  await assert.rejects(say({ grammar: 'root ::= (' }), OpenAI.BadRequestError);
  await assert.rejects(say({ regex: '(a)\\1' }), OpenAI.BadRequestError);
});

test('responses are held to a schema', async () => {
  const response = await openai.responses.parse({
    model, input: 'tell me a tale', temperature: 1,
    text: { format: { type: 'json_schema', name: 'person', strict: true, schema: personSchema } },
  });
  assertPerson(response.output_parsed);
  assert.equal(response.status, 'completed');
});

const remember = { name: 'remember', description: 'keeps what is known of somebody', parameters: personSchema };
const called = { model: toolModel, messages, temperature: 1, seed: 5, tools: [{ type: 'function', function: remember }] };

test('a tool is called with arguments of its schema, and told of its result', { skip: !toolModel }, async () => {
  const request = { ...called, tool_choice: 'required', parallel_tool_calls: false };
  const answer = await openai.chat.completions.create(request);
  const { message, finish_reason: reason } = answer.choices[0];
  assert.equal(reason, 'tool_calls');
  assert.equal(message.content, null);
  assert.equal(message.tool_calls.length, 1);
  assert.equal(message.tool_calls[0].function.name, 'remember');
  assertPerson(JSON.parse(message.tool_calls[0].function.arguments));
  const streamed = (await openai.chat.completions.stream(request).finalChatCompletion()).choices[0].message;
  assert.equal(streamed.tool_calls[0].function.arguments, message.tool_calls[0].function.arguments);
  const next = await openai.chat.completions.create({
    ...called, max_tokens: 8, tool_choice: 'none',
    messages: [...messages, message, { role: 'tool', tool_call_id: message.tool_calls[0].id, content: 'kept' }],
  });
  assertText(next.choices[0].message.content);
});

test('a certain tool is called', { skip: !toolModel }, async () => {
  const tools = [{ type: 'function', function: { name: 'other', parameters: { type: 'object', properties: {} } } }, ...called.tools];
  const answer = await openai.chat.completions.create({
    ...called, tools, tool_choice: { type: 'function', function: { name: 'remember' } },
  });
  assert.deepEqual(answer.choices[0].message.tool_calls.map((call) => call.function.name), ['remember']);
});

test('tools that cannot be called are refused', { skip: !toolModel }, async () => {
  await assert.rejects(openai.chat.completions.create({ ...called, model }), /does not support tools/);
  await assert.rejects(openai.chat.completions.create({ ...called, response_format: { type: 'json_object' } }),
    OpenAI.BadRequestError);
  const tools = [{ type: 'function', function: { name: 'f', parameters: { type: 'object', not: {} } } }];
  await assert.rejects(openai.chat.completions.create({ ...called, tools }), OpenAI.BadRequestError);
});

test('responses call tools and go on with their results', { skip: !toolModel }, async () => {
  const request = {
    model: toolModel, input: 'tell me a tale', temperature: 1, tool_choice: 'required', parallel_tool_calls: false,
    tools: [{ type: 'function', strict: true, ...remember }],
  };
  const response = await openai.responses.create(request);
  const [call] = response.output;
  assert.equal(call.type, 'function_call');
  assert.equal(call.name, 'remember');
  assertPerson(JSON.parse(call.arguments));
  const next = await openai.responses.create({
    model: toolModel, previous_response_id: response.id, max_output_tokens: 8,
    input: [{ type: 'function_call_output', call_id: call.call_id, output: 'kept' }],
  });
  assertText(next.output_text);
  const stream = openai.responses.stream(request);
  const types = new Set();
  for await (const event of stream) types.add(event.type);
  assert.ok(types.has('response.function_call_arguments.delta') && types.has('response.function_call_arguments.done'));
  assertPerson(JSON.parse((await stream.finalResponse()).output[0].arguments));
});
