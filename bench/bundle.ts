import { build } from 'esbuild'
import { agentBundle, bundleOptions } from './agent-bundle.ts'

/**
 * Each program as one .js file in dist/, as it is shipped: less memory and a faster start than the sources, and Node
 * strips no types inside node_modules.
 */
await build(agentBundle('dist'))
await build({
  ...bundleOptions,
  entryPoints: {
    'pulltrace-server': 'server/pulltrace/main.ts',
    'history-worker': 'server/store/sqlite/history-worker.ts',
  },
  outdir: 'dist',
})
console.log('bundled into dist/')
