import { globSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { BuildOptions, Plugin } from 'esbuild'
import { bundledName } from '../server/ui/assets.ts'

/** What every program's bundle is built with. */
const options = {
  bundle: true,
  minify: true,
  keepNames: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  outExtension: { '.js': '.mjs' },
  // Some packages are CommonJS and ask for Node's own modules by require.
  banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  // All notices are in one file beside the bundles: build/notices.ts.
  legalComments: 'none',
  metafile: true,
  logLevel: 'warning',
} satisfies BuildOptions

const readableNames = {
  minify: false,
  minifyWhitespace: true,
  minifySyntax: true,
  keepNames: false,
} satisfies BuildOptions

/**
 * Leaves out of the agent what its packages would load and it never calls, on every node of a cluster:
 * - prom-client's index loads clusters, the push gateway and default metrics, and with these OpenTelemetry: 2.4 MB of
 *   anonymous memory. The agent has counters, gauges and histograms.
 * - grpc-js: the generated code makes its clients with it, and the agent speaks to containerd's socket by itself.
 */
const leaveOut: Plugin = {
  name: 'leave out what the agent never calls',
  setup(build) {
    build.onLoad({ filter: /\/prom-client\/index\.js$/ }, () => ({
      contents: `module.exports = {
        Registry: require('./lib/registry'),
        Counter: require('./lib/counter'),
        Gauge: require('./lib/gauge'),
        Histogram: require('./lib/histogram'),
      }`,
    }))
    build.onResolve({ filter: /^@grpc\/grpc-js$/ }, ({ path }) => ({ path, namespace: 'left-out' }))
    build.onLoad({ filter: /.*/, namespace: 'left-out' }, () => ({
      contents: 'export const makeGenericClientConstructor = () => undefined',
    }))
  },
}

/**
 * The agent as one file, `pulltrace-agent.mjs` in `outdir`. Its names stay as they are in the sources: to keep them
 * beside shorter ones, a call for each function that is made sets its name, some hundredths of what a look costs.
 */
export const agentBundle = (outdir: string) =>
  ({
    ...options,
    ...readableNames,
    entryPoints: { 'pulltrace-agent': 'agent/main.ts' },
    outdir,
    plugins: [leaveOut],
  }) satisfies BuildOptions

/**
 * All other programs. What several need, and what one loads only when it must, is in files beside them: in a pod no
 * kubeconfig is read, and 1.3 MB of code that would read it, even unused, are 20 MB of the server's memory.
 */
export const otherBundles = (outdir: string) =>
  ({
    ...options,
    entryPoints: {
      'pulltrace-server': 'server/pulltrace/main.ts',
      'history-worker': 'server/store/sqlite/history-worker.ts',
      'tk-sensor-api': 'server/sensor-api/main.ts',
      'tk-web-ui': 'server/web-ui/main.ts',
      'tk-worker': 'server/store/sqlite/tk-worker.ts',
      'pulltrace-operator': 'operator/main.ts',
      pulltrace: 'cli/main.ts',
    },
    splitting: true,
    chunkNames: 'shared-[hash]',
    outdir,
  }) satisfies BuildOptions

/** What browsers load of a bundle: each of these sources becomes one file in `assets/` beside the programs. */
const browserSources = globSync(['server/**/browser/*.entry.ts', 'server/**/styles/*.css'], {
  cwd: fileURLToPath(new URL('..', import.meta.url)),
})

export const browserBundles = (outdir: string) =>
  ({
    bundle: true,
    minify: true,
    platform: 'browser',
    target: 'es2023',
    format: 'esm',
    legalComments: 'none',
    metafile: true,
    logLevel: 'warning',
    entryPoints: Object.fromEntries(browserSources.map(source => [bundledName(source).replace(/\.\w+$/, ''), source])),
    outdir: `${outdir}/assets`,
  }) satisfies BuildOptions
