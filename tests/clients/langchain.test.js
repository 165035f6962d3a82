// LangChain, through its packages for Ollama's interface and for OpenAI's.
import { HumanMessage, SystemMessage } from '@langchain/core/messages';
import { ChatOllama, OllamaEmbeddings } from '@langchain/ollama';
import { ChatOpenAI, OpenAIEmbeddings } from '@langchain/openai';
import assert from 'node:assert/strict';
import test from 'node:test';
import {
  assertLeavingFreesTheSlot, assertPerson, assertText, assertUnit, embedModel, manyTokens, missingModel, model, noLongAnswers,
  personSchema, toolModel, url,
} from './server.js';

const openai = { apiKey: 'unused', configuration: { baseURL: `${url}/v1` }, maxRetries: 0 };
const makers = [
  ['ollama',
    (name, maxTokens) => new ChatOllama({ baseUrl: url, model: name, temperature: 0, numPredict: maxTokens, maxRetries: 0 }),
    () => new OllamaEmbeddings({ baseUrl: url, model: embedModel, maxRetries: 0 })],
  ['openai',
    (name, maxTokens) => new ChatOpenAI({ ...openai, model: name, temperature: 0, maxTokens }),
    () => new OpenAIEmbeddings({ ...openai, model: embedModel })],
];
const messages = [new SystemMessage('be brief'), new HumanMessage('tell me a tale')];

for (const [name, makeChat, makeEmbeddings] of makers) {
  test(`${name}: an answer, as a whole and as a stream`, async () => {
    const chat = makeChat(model, 24);
    const whole = await chat.invoke(messages);
    assertText(whole.content);
    assert.equal(whole.usage_metadata.output_tokens, 24);
    let text = '';
    for await (const chunk of await chat.stream(messages)) text += chunk.content;
    assert.equal(text, whole.content);
  });

  test(`${name}: embeddings`, async () => {
    const vectors = await makeEmbeddings().embedDocuments(['one text', 'another']);
    assert.equal(vectors.length, 2);
    for (const vector of vectors) assertUnit(vector, vectors[0].length);
  });

  test(`${name}: a model that is not there`, async () => {
    await assert.rejects(makeChat(missingModel, 4).invoke(messages), /no-such-model/);
  });

  test(`${name}: an object of a schema`, async () => {
    const chat = makeChat(model, 2000).withStructuredOutput(personSchema, { name: 'person', method: 'jsonSchema' });
    assertPerson(await chat.invoke(messages));
  });

  // The package for Ollama reads on after an abort until its next part comes, and so says nothing about the server;
  // Ollama's own client is tested for it.
  if (name !== 'openai') continue;
  test(`${name}: a client that leaves frees the slot`, { skip: noLongAnswers }, async () => {
    const controller = new AbortController();
    await assertLeavingFreesTheSlot(
      async () => {
        const stream = await makeChat(model, manyTokens).stream(messages, { signal: controller.signal });
        await stream[Symbol.asyncIterator]().next();
      },
      async () => controller.abort(),
    );
  });
}

test('openai: a call of a tool', { skip: !toolModel }, async () => {
  const tools = [{
    type: 'function', function: { name: 'remember', description: 'keeps what is known of somebody', parameters: personSchema },
  }];
  const chat = new ChatOpenAI({ ...openai, model: toolModel, temperature: 0 })
    .bindTools(tools, { tool_choice: 'required', parallel_tool_calls: false });
  const answer = await chat.invoke(messages);
  assert.deepEqual(answer.tool_calls.map((call) => call.name), ['remember']);
  assertPerson(answer.tool_calls[0].args);
});
