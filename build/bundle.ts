import { globSync, rmSync, writeFileSync } from 'node:fs'
import { build } from 'esbuild'
import { agentBundle, browserBundles, otherBundles } from './bundles.ts'
import { noticesOf } from './notices.ts'

/**
 * Each program as .mjs in dist/, as it is shipped: less memory and a faster start than the sources, and Node strips no
 * types inside node_modules.
 */
// Their names change with their content: those of earlier builds would stay for good.
for (const file of globSync('dist/shared-*.mjs')) rmSync(file)
const agent = await build(agentBundle('dist'))
const others = await build(otherBundles('dist'))
rmSync('dist/assets', { recursive: true, force: true })
await build(browserBundles('dist'))
writeFileSync('dist/THIRD-PARTY-NOTICES', noticesOf([agent.metafile, others.metafile], process.cwd()))
console.log('bundled into dist/')
