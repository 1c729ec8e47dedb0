import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { program, start, temporaryFolder } from './programs.ts'

describe('a bundled program', () => {
  for (const minify of [false, true]) {
    it(`finds its workers beside itself${minify ? ', minified' : ''}`, async function () {
      this.timeout(30_000)
      using folder = temporaryFolder()
      await build({
        entryPoints: {
          program: program('writer.ts'),
          'tk-program': program('tk-writer.ts'),
          'history-worker': fileURLToPath(new URL('../../server/store/sqlite/history-worker.ts', import.meta.url)),
          'tk-worker': fileURLToPath(new URL('../../server/store/sqlite/tk-worker.ts', import.meta.url)),
        },
        outdir: `${folder.path}/dist`,
        bundle: true,
        platform: 'node',
        format: 'esm',
        minify,
        // pino and its like are CommonJS and call require.
        banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url)" },
        logLevel: 'error',
      })
      const { code, lines, errors } = await start(process.execPath, [
        ...[`${folder.path}/dist/program.js`, `${folder.path}/data`, 'p', '2', '5'],
      ]).ended
      assert.equal(code, 0, errors.join(''))
      assert.deepEqual(lines.sort(), ['ack p-0', 'ack p-1', 'ack p-2', 'ack p-3', 'ack p-4'])
      const rules = await start(process.execPath, [
        ...[`${folder.path}/dist/tk-program.js`, `${folder.path}/tk.db`, 'p', '1', '1'],
      ]).ended
      assert.deepEqual([rules.code, rules.lines.length], [0, 3], rules.errors.join(''))
    })
  }
})
