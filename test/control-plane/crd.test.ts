import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { parse } from 'yaml'
import { parsePulltraceConfig } from '../../core/contract/parse-config.ts'
import { type ControlPlane, startControlPlane } from '../cluster/control-plane.ts'
import { untilServed } from '../cluster/kinds.ts'
import { badSpecs } from './bad-specs.ts'

const crdFile = 'crds/pulltrace.dev_pulltraceconfigs.yaml'
const manifest = (spec: unknown, name = 'pulltrace') =>
  JSON.stringify({ apiVersion: 'pulltrace.dev/v1alpha1', kind: 'PulltraceConfig', metadata: { name }, spec })

describe('the CustomResourceDefinition on a real API server', function () {
  this.timeout(120_000)
  let plane: ControlPlane
  before(async function () {
    this.timeout(1_200_000) // The first time, Kubernetes is built.
    plane = await startControlPlane()
    // The server compiles every CEL rule here, and refuses what could cost too much.
    await kubectl(['apply', '-f', crdFile])
    await untilServed(plane, 'pulltraceconfigs')
  })
  after(() => plane?.stop())

  const kubectl = async (args: readonly string[], input?: string) => {
    const { code, stdout, stderr } = await plane.kubectl(args, input)
    assert.equal(code, 0, stderr)
    return stdout
  }
  const get = async (name: string) => JSON.parse(await kubectl(['get', 'ptc', name, '-o=json']))

  it('is judged by a server that bounds what a rule may cost', async () => {
    const crd = parse(readFileSync(crdFile, 'utf8'))
    const { watchNamespaces } = crd.spec.versions[0].schema.openAPIV3Schema.properties.spec.properties
    const rule = 'self.all(a, self.all(b, self.all(c, a.matches(b) || b.matches(c))))'
    watchNamespaces['x-kubernetes-validations'] = [{ rule }]
    const { code, stderr } = await plane.kubectl(['replace', '--dry-run=server', '-f=-'], JSON.stringify(crd))
    assert.equal(code, 1)
    assert.match(stderr, /estimated rule cost exceeds budget/)
  })

  for (const { name, spec, says } of badSpecs) {
    it(`refuses ${name}, and says why`, async () => {
      const { code, stderr } = await plane.kubectl(['apply', '--dry-run=server', '-f=-'], manifest(spec))
      assert.equal(code, 1)
      for (const text of says) assert.ok(stderr.includes(text), `'${text}' is not in: ${stderr}`)
      // One fault is told once; that CEL did not run after a fault of the schema is the API server's own remark.
      const faults = stderr.split('\n').filter(line => line.startsWith('* ') && !line.includes('were not checked'))
      assert.ok(faults.length <= 1, stderr)
    })
  }

  it('refuses a field it does not know', async () => {
    const { code, stderr } = await plane.kubectl(['apply', '-f=-'], manifest({ reportIntervall: '2s' }))
    assert.equal(code, 1)
    assert.match(stderr, /unknown field "spec\.reportIntervall"/)
  })

  it('takes every sample, and so do we', async () => {
    const folder = 'config/samples'
    for (const file of readdirSync(folder).filter(name => name.endsWith('.yaml'))) {
      const text = readFileSync(path.join(folder, file), 'utf8')
      await kubectl(['apply', '--dry-run=server', '-f=-'], text)
      assert.deepEqual(parsePulltraceConfig(parse(text)).faults, undefined, file)
    }
  })

  it('writes the defaults into an object without a spec, whatever its name', async () => {
    const bare = JSON.parse(manifest(undefined, 'my.own-name'))
    await kubectl(['apply', '-f=-'], JSON.stringify(bare))
    const config = await get('my.own-name')
    assert.deepEqual(config.spec, {
      reportInterval: '2s',
      agent: {
        runtime: { type: 'containerd', socket: '/run/containerd/containerd.sock' },
        updateStrategy: { maxUnavailable: '10%' },
      },
      server: { history: { retention: '168h' }, service: { type: 'ClusterIP' }, storage: { size: '2Gi' } },
      rules: { enabled: false, retention: '720h' },
    })
    // What the API server made of it is what the operator reads.
    assert.equal(parsePulltraceConfig(config).faults, undefined)
    await kubectl(['delete', 'ptc', 'my.own-name'])
  })

  it('raises the generation with the spec only, and takes the status by its subresource only', async () => {
    await kubectl(['apply', '-f=-'], manifest({}))
    assert.equal((await get('pulltrace')).metadata.generation, 1)
    await patchStatus({ observedGeneration: 1, reportInterval: '2s' })
    assert.equal((await get('pulltrace')).metadata.generation, 1)
    await kubectl(['patch', 'ptc', 'pulltrace', '--type=merge', '-p', '{"status":{"reportInterval":"9s"}}'])
    assert.equal((await get('pulltrace')).status.reportInterval, '2s')
    await kubectl(['patch', 'ptc', 'pulltrace', '--type=merge', '-p', '{"spec":{"reportInterval":"5s"}}'])
    assert.equal((await get('pulltrace')).metadata.generation, 2)
  })

  const patchStatus = (status: object) =>
    kubectl(['patch', 'ptc', 'pulltrace', '--subresource=status', '--type=merge', '-p', JSON.stringify({ status })])

  const condition = (type: string, status = 'True') => ({
    type,
    status,
    reason: 'AllReady',
    message: 'all agents are ready',
    lastTransitionTime: '2026-11-21T10:00:00Z',
    observedGeneration: 2,
  })

  it('prints the columns', async () => {
    await patchStatus({
      conditions: [condition('Ready'), condition('Stalled', 'False')],
      agents: { desired: 3, ready: 2, updated: 3, summary: '2/3' },
      endpoint: 'http://pulltrace-server.pulltrace-system.svc:8080',
    })
    const table = (text: string) => text.split('\n').map(line => line.trim().split(/ {2,}/))
    const [heads, row] = table(await kubectl(['get', 'ptc']))
    assert.deepEqual(heads, ['NAME', 'READY', 'INTERVAL', 'AGENTS', 'ENDPOINT', 'AGE'])
    assert.deepEqual(row!.slice(0, 5), [
      'pulltrace',
      'True',
      '2s',
      '2/3',
      'http://pulltrace-server.pulltrace-system.svc:8080',
    ])
    const [wideHeads, wideRow] = table(await kubectl(['get', 'pulltrace', '-o=wide']))
    assert.equal(wideHeads!.at(-1), 'REASON')
    assert.equal(wideRow!.at(-1), 'AllReady')
    await kubectl(['wait', '--for=condition=Ready', 'ptc/pulltrace'])
  })

  for (const { name, status, says } of [
    {
      name: 'two conditions of one type',
      status: { conditions: [condition('Ready'), condition('Ready')] },
      says: /status\.conditions\[1\]: Duplicate value/,
    },
    {
      name: 'more conditions than sixteen',
      status: { conditions: Array.from({ length: 17 }, (_, index) => condition(`Type${index}`)) },
      says: /status\.conditions: Too many: 17: must have at most 16 items/,
    },
    {
      name: 'a condition that is Maybe',
      status: { conditions: [condition('Ready', 'Maybe')] },
      says: /status\.conditions\[0\]\.status: Unsupported value: "Maybe"/,
    },
    {
      name: 'a reason that is a sentence',
      status: { conditions: [{ ...condition('Ready'), reason: 'not yet' }] },
      says: /status\.conditions\[0\]\.reason: Invalid value: "not yet"/,
    },
    {
      name: 'fewer agents than none',
      status: { agents: { desired: 3, ready: -1, updated: 3, summary: '-1/3' } },
      says: /status\.agents\.ready: Invalid value: -1/,
    },
  ]) {
    it(`refuses a status with ${name}`, async () => {
      const patch = JSON.stringify({ status })
      const { stderr, code } = await plane.kubectl([
        'patch',
        'ptc',
        'pulltrace',
        '--subresource=status',
        '--type=merge',
        '-p',
        patch,
      ])
      assert.equal(code, 1)
      assert.match(stderr, says)
    })
  }

  it('explains every field', async () => {
    const text = await kubectl(['get', '--raw', '/openapi/v3/apis/pulltrace.dev/v1alpha1'])
    const { components } = JSON.parse(text) as { components: { schemas: Record<string, Published> } }
    const published = components.schemas['dev.pulltrace.v1alpha1.PulltraceConfig']!
    assert.deepEqual([...undescribed(published, 'ptc')], [])
    const tree = await kubectl(['explain', 'ptc', '--recursive'])
    assert.match(tree, /tolerationSeconds\t<integer>/)
    assert.match(
      await kubectl(['explain', 'ptc.spec.agent.runtime.socket']),
      /DESCRIPTION:\s+Path of the containerd socket on the nodes\./,
    )
  })
})

interface Published {
  readonly description?: string
  readonly properties?: Record<string, Published>
  readonly items?: Published
  readonly additionalProperties?: Published
}

function* undescribed(field: Published, at: string): Generator<string> {
  if (!field.description) yield at
  for (const [name, child] of Object.entries(field.properties ?? {})) yield* undescribed(child, `${at}.${name}`)
  if (field.items) yield* undescribed(field.items, `${at}[]`)
  if (field.additionalProperties) yield* undescribed(field.additionalProperties, `${at}{}`)
}
