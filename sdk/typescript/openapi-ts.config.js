// How src/gen is made; `make sdk` runs it.
export default {
  input: '../../gen/openapi/v2.yaml',
  output: { path: 'src/gen', importFileExtension: '.js' },
  parser: {
    patch: {
      operations: {
        // One operation with two forms is two functions here: createMessage answers with JSON,
        // streamMessage (src/client.ts) with events. Otherwise the first would be lost.
        'POST /conversations/{conversation_id}/messages': (operation) => {
          delete operation.responses['200'];
        },
      },
    },
  },
  plugins: [
    '@hey-api/typescript',
    {
      name: '@hey-api/sdk',
      operations: { strategy: 'single', containerName: 'Operations', methods: 'instance' },
      responseStyle: 'data',
    },
    { name: '@hey-api/client-fetch', throwOnError: true },
  ],
};
