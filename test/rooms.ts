/**
 * Who may import what (docs/architecture.md draws it). The longest path that holds a
 * file is its room; a room may import itself, Node and what stands here. Tests may import anything.
 */
export const rooms: Readonly<Record<string, readonly string[]>> = {
  'core/lib': ['pino', 'prom-client'],
  'core/contract': ['core/lib', 'typebox', 'yaml'],
  'core/pulls': ['core/contract', 'core/lib'],
  'core/kube': ['core/contract', 'core/lib', '@kubernetes/client-node', 'prom-client', 'ws'],
  agent: ['core/contract', 'core/pulls', 'core/lib', 'prom-client'],
  'agent/containerd': [
    'agent/source.ts',
    'core/contract',
    'core/pulls',
    'core/lib',
    '@grpc/grpc-js',
    'proto/generated',
  ],
  'server/store': ['core/pulls', 'core/contract', 'core/lib'],
  'server/pulltrace': ['core', 'server/store/store.ts', 'prom-client'],
  'server/pulltrace/events': ['core', 'server/store/store.ts'],
  'server/pulltrace/pods': ['core', 'server/store/store.ts'],
  'server/pulltrace/reports': ['core', 'server/store/store.ts'],
  'server/pulltrace/pages': ['core/contract', 'core/lib'],
  'server/pulltrace/http': [
    'core',
    'server/store/store.ts',
    'server/pulltrace',
    'koa',
    '@koa/router',
    '@koa/cors',
    'prom-client',
  ],
  operator: ['core/contract', 'core/kube', 'core/lib', 'prom-client'],
  cli: [
    'core/contract',
    'core/lib',
    'commander',
    'picocolors',
    'log-update',
    'string-width',
    'cli-truncate',
    'eventsource-parser',
    'yaml',
  ],
  'cli/kube': ['core/contract', 'core/kube', 'core/lib', 'cli/api.ts', 'cli/config.ts', 'cli/text.ts', 'cli/trust.ts'],
  'cli/why': [
    'core/contract',
    'core/pulls',
    'core/lib',
    'cli/api.ts',
    'cli/format.ts',
    'cli/text.ts',
    'cli/watch/describe-pull.ts',
    'string-width',
  ],
  'cli/demo': ['core/lib', '@grpc/grpc-js', 'proto/generated'],
  'proto/generated': ['@grpc/grpc-js', '@bufbuild/protobuf'],
}

/** Composition roots join the parts of their own program, and may open a store. */
export const roots: Readonly<Record<string, readonly string[]>> = {
  'agent/main.ts': ['agent', 'core'],
  'server/pulltrace/main.ts': ['server/pulltrace', 'server/store', 'core'],
  'operator/main.ts': ['operator', 'core'],
  'cli/main.ts': ['cli', 'core', 'commander'],
  'cli/demo/main.ts': ['cli/demo', 'core'],
}

/** Every package of the product, and why it is there. A package without a reason does not come in. */
export const packages: Readonly<Record<string, string>> = {
  '@bufbuild/protobuf': 'reads and writes the protobuf wire for the generated code',
  '@grpc/grpc-js': 'speaks gRPC to containerd, and as the demo runtime',
  '@kubernetes/client-node': 'finds and authenticates to a Kubernetes API server; the types of its objects',
  '@koa/cors': 'answers preflights and sets the CORS headers',
  '@koa/router': 'finds the handler of a path and method',
  'cli-truncate': 'cuts text with colours to a number of terminal columns',
  commander: 'reads command-line arguments and writes --help',
  'eventsource-parser': 'reads a Server-Sent Events stream in `pulltrace watch`',
  koa: 'the HTTP server',
  'log-update': 'redraws lines of a terminal',
  picocolors: 'terminal colours that honour NO_COLOR',
  pino: 'structured logs',
  'prom-client': 'Prometheus metrics',
  'string-width': 'columns that a text takes in a terminal',
  typebox: 'one schema: the type, the validator and the JSON Schema',
  ws: 'speaks WebSocket to the API server, for a port-forward',
  yaml: 'reads PulltraceConfig files with the line of each fault',
}
