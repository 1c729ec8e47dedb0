import assert from 'node:assert/strict'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, type Metafile } from 'esbuild'
import { otherBundles } from '../build/bundles.ts'

const absWorkingDir = fileURLToPath(new URL('..', import.meta.url))

describe('the bundles of server and operator', function () {
  this.timeout(60_000)
  let outputs: Metafile['outputs']

  before(async () => {
    const { metafile } = await build({ ...otherBundles('dist'), absWorkingDir, write: false })
    outputs = metafile.outputs
  })

  /** The files that Node reads before a program does anything. */
  function atStart(program: string, seen = new Set<string>()): Set<string> {
    if (seen.has(program)) return seen
    seen.add(program)
    for (const { kind, path: file } of outputs[program]!.imports) {
      if (kind === 'import-statement' && file in outputs) atStart(file, seen)
    }
    return seen
  }

  const packagesIn = (files: Iterable<string>) =>
    new Set([...files].flatMap(file => Object.keys(outputs[file]!.inputs)).map(file => packageOf(file)))

  const packageOf = (file: string) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1]

  for (const program of ['pulltrace-server', 'pulltrace-operator']) {
    it(`load nothing that reads a kubeconfig until there is one: ${program}`, () => {
      const file = `${path.posix.join('dist', program)}.mjs`
      const loaded = packagesIn(atStart(file))
      assert.ok(loaded.has('prom-client'), [...loaded].join())
      for (const heavy of ['@kubernetes/client-node', 'undici', 'openid-client']) assert.ok(!loaded.has(heavy), heavy)
      assert.ok(packagesIn(Object.keys(outputs)).has('@kubernetes/client-node'), 'and it is there when there is one')
    })
  }

  it('load no gRPC until pulls are judged by rules: pulltrace-server', () => {
    const loaded = packagesIn(atStart('dist/pulltrace-server.mjs'))
    assert.ok(!loaded.has('@grpc/grpc-js'))
    assert.ok(packagesIn(Object.keys(outputs)).has('@grpc/grpc-js'), 'and it is there when they are')
  })
})
