import { writeFileSync } from 'node:fs'
import { build } from 'esbuild'
import { agentBundle, otherBundles } from './bundles.ts'
import { noticesOf } from './notices.ts'

/**
 * Each program as one .mjs file in dist/, as it is shipped: less memory and a faster start than the sources, and Node
 * strips no types inside node_modules.
 */
const agent = await build(agentBundle('dist'))
const others = await build(otherBundles('dist'))
writeFileSync('dist/THIRD-PARTY-NOTICES', noticesOf([agent.metafile, others.metafile], process.cwd()))
console.log('bundled into dist/')
