// People who talk for hours: is every one answered, and does memory grow?
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { generate, isRefused, isWhole, saysWhen, spread } from './client.js';

const kSampleMs = 1000;
const kRefusedMs = 1000;
// What people say and want: words of a prompt, tokens of an answer, times they come back to the same conversation.
const kChats = [
  { words: 4, tokens: 8, turns: 1 },
  { words: 12, tokens: 32, turns: 3 },
  { words: 40, tokens: 96, turns: 5 },
  { words: 150, tokens: 24, turns: 2 },
];
const kWords = ['a', 'tale', 'of', 'the', 'old', 'house', 'and', 'its', 'garden', 'where', 'nobody', 'sleeps'];

// Numbers in [0, n) that are the same in every run (Numerical Recipes' generator).
function numbers(seed) {
  let state = (seed * 2_654_435_761 + 12_345) >>> 0;
  return (n) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}

// The processes that `pid` has started: a server's engines.
function childrenOf(pid) {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).filter((name) => {
    try {
      return Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${name}/status`, 'utf8'))[1]) === pid;
    } catch {
      return false; // it has ended meanwhile
    }
  }).map(Number);
}

// KiB that a process has in memory: rss; anon, which is rss without mapped files, such as a model's; and pss, where what
// is shared counts to each in parts. pss is undefined where the kernel tells it to others only: engines are sealed.
function memoryOf(pid) {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const [rss, anon] = ['VmRSS', 'RssAnon'].map((name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)[1]));
    let pss;
    try {
      pss = Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))[1]);
    } catch {
      pss = undefined;
    }
    return { rss, anon, pss };
  } catch {
    return undefined; // it has ended meanwhile
  }
}

const sum = (values) => values.reduce((total, value) => total + value, 0);

function sample(pid, seconds) {
  const engines = childrenOf(pid).map(memoryOf).filter(Boolean);
  const front = memoryOf(pid);
  if (front === undefined) throw new Error(`--pid ${pid}: there is no such process`);
  return {
    seconds,
    'front RSS': front.rss,
    'front PSS': front.pss,
    'engines RSS': sum(engines.map((one) => one.rss)),
    'engines anonymous': sum(engines.map((one) => one.anon)),
    'engines PSS': sum(engines.map((one) => one.pss)), // NaN where one is not known
  };
}

// The slope of the line that fits points [x, y] best, by least squares.
export function slopeOf(points) {
  const n = points.length;
  const meanX = sum(points.map(([x]) => x)) / n;
  const meanY = sum(points.map(([, y]) => y)) / n;
  return sum(points.map(([x, y]) => (x - meanX) * (y - meanY))) / sum(points.map(([x]) => (x - meanX) ** 2));
}

// Growth over the second half: in the first one, caches and heaps fill up.
function growthRow(samples, name) {
  const points = samples.slice(Math.floor(samples.length / 2)).map((one) => [one.seconds, one[name]]);
  if (points.length < 3 || !points.every(([, y]) => Number.isFinite(y))) return [name, 'not known'];
  const kibPerHour = slopeOf(points) * 3600;
  const last = points[points.length - 1][1];
  return [name, `${last} KiB at the end, growing by ${kibPerHour.toFixed(0)} KiB/h (${((100 * kibPerHour) / last).toFixed(2)} % of it)`];
}

// "3: 2 x 400, 1 x ECONNRESET": how requests ended, the most frequent first.
function kindsOf(outcomes) {
  const counts = new Map();
  for (const one of outcomes) {
    const kind = one.error ?? one.status;
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  const kinds = [...counts].sort(([, a], [, b]) => b - a).map(([kind, count]) => `${count} x ${kind}`);
  return `${outcomes.length}${kinds.length > 0 ? `: ${kinds.join(', ')}` : ''}`;
}

async function talk(options, user, goesOn, seen) {
  const pick = numbers(user);
  while (goesOn()) {
    const chat = kChats[pick(kChats.length)];
    const messages = [];
    for (let turn = 0; turn < chat.turns && goesOn(); turn += 1) {
      const content = Array.from({ length: chat.words }, () => kWords[pick(kWords.length)]).join(' ');
      messages.push({ role: 'user', content });
      const one = await generate(options, { messages, tokens: chat.tokens });
      seen.push({ ...one, text: undefined });
      if (isRefused(one)) await sleep(kRefusedMs);
      if (!isWhole(one)) break;
      messages.push({ role: 'assistant', content: one.text });
    }
  }
}

export async function soak(options) {
  if (!options.pid) throw new Error('--pid: whose memory is to be looked at');
  const begin = performance.now();
  const elapsed = () => (performance.now() - begin) / 1000;
  const goesOn = () => elapsed() < options.seconds;
  const seen = [];
  const samples = [];
  const users = Promise.all(Array.from({ length: options.users }, (_, user) => talk(options, user, goesOn, seen)));
  while (goesOn()) {
    samples.push(sample(options.pid, elapsed()));
    await sleep(kSampleMs);
  }
  await users;
  const seconds = elapsed();
  const whole = seen.filter(isWhole);
  const refused = seen.filter(isRefused);
  const told = refused.filter(saysWhen);
  const others = seen.filter((one) => !isWhole(one) && !isRefused(one));
  return {
    good: whole.length > 0 && others.length === 0 && told.length === refused.length,
    rows: [
      ['users', `${options.users} for ${seconds.toFixed(0)} s`],
      ['whole answers', `${whole.length}, ${(sum(whole.map((one) => one.tokens)) / seconds).toFixed(0)} tokens/s`],
      ['refused (429, 503)', `${refused.length}, of them ${told.length} with Retry-After`],
      ['anything else', kindsOf(others)],
      ['first part', spread(whole.map((one) => one.firstMs))],
      ['last part', spread(whole.map((one) => one.totalMs))],
      ...['front RSS', 'front PSS', 'engines RSS', 'engines anonymous', 'engines PSS'].map((name) => growthRow(samples, name)),
    ],
  };
}
