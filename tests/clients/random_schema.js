// JSON schemas at random, whose answers are bounded in length: what a model of random weights writes comes to an end.

// mulberry32, so that a seed is the same schemas everywhere.
function randomOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const kNames = ['name', 'id', 'größe', 'a "b"', 'tags', 'sub', 'x', 'y', 'z', 'when'];

export function randomSchema(seed) {
  const random = randomOf(seed);
  const below = (n) => Math.floor(random() * n);
  const pick = (list) => list[below(list.length)];

  const scalars = [
    () => ({ type: 'string', maxLength: 1 + below(20) }),
    () => ({ type: 'string', minLength: 2, maxLength: 4 + below(12) }),
    () => ({ type: 'string', pattern: pick(['^[a-f0-9]{8}$', '^(red|green|blue)?$', '^[A-Z][a-z]{1,6}( [A-Z]\\.)?$', '^\\d{1,3}%$']) }),
    () => ({ type: 'string', format: pick(['date', 'time', 'uuid', 'ipv4']) }),
    () => ({ type: 'integer', minimum: -below(1000), maximum: below(100_000) }),
    () => ({ type: 'integer', minimum: 5, maximum: 5000, multipleOf: pick([2, 3, 5, 7]) }),
    () => ({ type: 'number', minimum: -1.5, maximum: below(50) }),
    () => ({ type: 'number', exclusiveMinimum: 0, exclusiveMaximum: 1 }),
    () => ({ type: 'boolean' }),
    () => ({ type: 'null' }),
    () => ({ enum: [1, 'one', null, [1, 2], { a: 'ü' }].slice(0, 1 + below(5)) }),
    () => ({ const: pick(['fixed', 42, { k: [true] }]) }),
    () => ({ type: ['null', 'string'], maxLength: 5 }),
  ];
  const object = (depth) => {
    const properties = {};
    for (let n = 1 + below(4); n > 0; --n) properties[pick(kNames)] = schema(depth - 1);
    const names = Object.keys(properties);
    return { type: 'object', properties, required: names.filter(() => random() < 0.6), additionalProperties: false };
  };
  const structures = [
    object,
    object,
    (depth) => ({ type: 'array', items: schema(depth - 1), minItems: below(2), maxItems: 1 + below(3) }),
    (depth) => ({ type: 'array', prefixItems: [schema(depth - 1), schema(depth - 1)], items: false, minItems: 1 }),
    (depth) => ({ anyOf: [schema(depth - 1), schema(depth - 1)] }),
    (depth) => ({
      oneOf: ['circle', 'square'].map((kind) => ({
        type: 'object',
        properties: { kind: { const: kind }, value: schema(depth - 1) },
        required: ['kind', 'value'],
        additionalProperties: false,
      })),
    }),
    (depth) => ({
      allOf: [{ type: 'object', properties: { left: schema(depth - 1) }, required: ['left'] },
        { type: 'object', properties: { left: true, right: schema(depth - 1) }, additionalProperties: false }],
    }),
    () => ({
      type: 'object',
      additionalProperties: { type: 'boolean' },
      propertyNames: { pattern: '^[a-d]{1,3}$' },
      maxProperties: 3,
    }),
  ];
  function schema(depth) {
    return depth <= 0 || random() < 0.3 ? pick(scalars)() : pick(structures)(depth);
  }
  // A quarter of them are recursive, to a depth that chance ends.
  if (below(4) !== 0) return object(3);
  return {
    $defs: {
      node: {
        type: 'object',
        properties: { value: schema(1), next: { anyOf: [{ type: 'null' }, { $ref: '#/$defs/node' }] } },
        required: ['value', 'next'],
        additionalProperties: false,
      },
    },
    $ref: '#/$defs/node',
  };
}
