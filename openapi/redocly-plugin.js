// A rule of ours that redocly.yaml cannot say: its assertions do not look into the members of members.
const has = (schema, name) => [schema.type].flat().includes(name);

// missing gives what a schema lacks to be bounded.
function missing(schema) {
  if (has(schema, 'string') && !('maxLength' in schema || 'enum' in schema || 'const' in schema || schema.format === 'uuid')) return 'maxLength';
  if (has(schema, 'array') && !('maxItems' in schema)) return 'maxItems';
  if ((has(schema, 'integer') || has(schema, 'number')) && !('minimum' in schema && 'maximum' in schema)) return 'minimum and maximum';
  if (has(schema, 'object') && !schema.properties && !('maxProperties' in schema)) return 'maxProperties';
  return undefined;
}

// RequestsAreBounded: each text, list, number and map that a client sends has a bound.
function RequestsAreBounded() {
  return {
    RequestBody(body, { resolve, report, location }) {
      const seen = new Set();
      const look = (schema, at) => {
        if (schema?.$ref) {
          const { node, location: there } = resolve(schema, at.source.absoluteRef);
          return node && look(node, there);
        }
        if (!schema || seen.has(schema)) return;
        seen.add(schema);
        const lack = missing(schema);
        if (lack) report({ message: `What a client sends has bounds: this has no ${lack}.`, location: at });
        for (const [name, each] of Object.entries(schema.properties ?? {})) look(each, at.child(['properties', name]));
        for (const key of ['allOf', 'anyOf', 'oneOf']) (schema[key] ?? []).forEach((each, i) => look(each, at.child([key, i])));
        look(schema.items, at.child('items'));
        if (typeof schema.additionalProperties === 'object') look(schema.additionalProperties, at.child('additionalProperties'));
      };
      for (const [form, { schema }] of Object.entries(body.content ?? {})) look(schema, location.child(['content', form, 'schema']));
    },
  };
}

module.exports = () => ({ id: 'fluentpro', rules: { oas3: { 'requests-are-bounded': RequestsAreBounded } } });
