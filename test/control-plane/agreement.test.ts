import assert from 'node:assert/strict'
import fc from 'fast-check'
import { parsePulltraceConfig } from '../../core/contract/parse-config.ts'
import { type ControlPlane, startControlPlane } from '../cluster/control-plane.ts'
import { untilServed } from '../cluster/kinds.ts'
import { createAsker } from './ask.ts'
import { badSpecs } from './bad-specs.ts'

/** `pulltrace up` and the operator read what `kubectl apply` took, and the other way round: both must judge alike. */
describe('parsePulltraceConfig and the API server', function () {
  this.timeout(300_000)
  let plane: ControlPlane
  let asker: ReturnType<typeof createAsker>
  before(async function () {
    this.timeout(1_200_000) // The first time, Kubernetes is built.
    plane = await startControlPlane()
    asker = createAsker(plane)
    const { code, stderr } = await plane.kubectl(['apply', '-f=crds/pulltrace.dev_pulltraceconfigs.yaml'])
    assert.equal(code, 0, stderr)
    await untilServed(plane, 'pulltraceconfigs')
  })
  after(async () => {
    asker?.close()
    await plane?.stop()
  })

  const configs = '/apis/pulltrace.dev/v1alpha1/pulltraceconfigs'
  async function verdicts(spec: unknown) {
    const config = { apiVersion: 'pulltrace.dev/v1alpha1', kind: 'PulltraceConfig', metadata: { name: 'a' }, spec }
    const faults = parsePulltraceConfig(config).faults ?? []
    const { status, body } = await asker.ask('POST', `${configs}?dryRun=All&fieldValidation=Strict`, config)
    assert.ok([201, 400, 422].includes(status), `${status} ${JSON.stringify(body)}`)
    const ours = verdictOf(faults.length === 0)
    const theirs = verdictOf(status === 201)
    return { ours, theirs, why: `${JSON.stringify(spec)}: ${faults.map(({ message }) => message)} / ${body.message}` }
  }

  it('refuse the same bad specs', async () => {
    for (const { spec } of badSpecs) {
      const { ours, theirs, why } = await verdicts(spec)
      assert.deepEqual({ ours, theirs }, { ours: 'refused', theirs: 'refused' }, why)
    }
  })

  it('judge any spec alike', async () => {
    const seen = { taken: 0, refused: 0 }
    await fc.assert(
      fc.asyncProperty(specs, async spec => {
        const { ours, theirs, why } = await verdicts(spec)
        seen[theirs] += 1
        assert.equal(ours, theirs, why)
      }),
      { numRuns: process.env['SOAK'] ? 20_000 : 600 },
    )
    assert.ok(Math.min(seen.taken, seen.refused) > 20, JSON.stringify(seen))
  })
})

const verdictOf = (isTaken: boolean): 'taken' | 'refused' => (isTaken ? 'taken' : 'refused')

/** Mostly right, so that some specs are taken, and one odd value decides over the others; `null` is a key with nothing after it. */
const oneOf = (good: readonly unknown[], odd: readonly unknown[] = []) =>
  fc.oneof(
    { weight: 40, arbitrary: fc.constantFrom(...good) },
    { weight: 1, arbitrary: fc.constantFrom(...odd, null, 7, true, '', [], {}) },
  )
const some = (fields: Record<string, fc.Arbitrary<unknown>>) => fc.record(fields, { requiredKeys: [] })
/** The first, and the second once in forty times. */
const orSeldom = (usual: fc.Arbitrary<unknown>, seldom: fc.Arbitrary<unknown>) =>
  fc.oneof({ weight: 40, arbitrary: usual }, { weight: 1, arbitrary: seldom })
const orOdd = (fields: fc.Arbitrary<unknown>) =>
  fc.oneof({ weight: 80, arbitrary: fields }, { weight: 1, arbitrary: fc.constantFrom(null, 'text', [], 3) })

const duration = oneOf(
  ['100ms', '2s', '5m', '1m30s', '0.5s', '1500ms', '300s', '4m59.999999999s', '100000us', '100000000ns', '2s', '3s'],
  [
    '99ms',
    '5m0.001s',
    '99.999999ms',
    '1d',
    '2',
    '-2s',
    '+2s',
    '2s ',
    '.5s',
    '1.s',
    '0',
    '1h',
    '1e3s',
    '2S',
    '9'.repeat(33),
  ],
)
const retention = oneOf(['1m', '168h', '8760h', '525600m'], ['59s', '8760h1ns', '1y', '9999999999999h'])
const publicURL = oneOf(
  ['https://pulls.example.com', 'http://localhost:8080/', 'http://10.0.0.7:65535'],
  [
    'ftp://a',
    'https://',
    'https://a.1',
    'https://A',
    'https://a:0',
    'https://a:65536',
    'https://a/b',
    'https://256.0.0.1',
  ],
)
const cpu = oneOf(['1m', '100m', '1', '0.5', '1000', '1.5'], ['0', '0.5m', '1001', '1k', '-1', '1e3', 'Mi', '1 '])
const memory = oneOf(
  ['16Mi', '64Mi', '1Gi', '16Ti', '67108864', '64M', '1.5Gi'],
  ['16Mi ', '128m', '17Ti', '1', '1mi', '1E'],
)
const quantities = { cpu, memory, 'ephemeral-storage': memory }
const resources = orOdd(
  some({
    requests: orOdd(some(quantities)),
    limits: orSeldom(orOdd(some(quantities)), some({ ...quantities, gpu: oneOf(['1']) })),
  }),
)
const label = oneOf(['', 'linux', 'a-b_c.d', 'A'], ['a b', '-a', 'a-', 'x'.repeat(64), 'ä', 'a\n'])
const name = oneOf(
  ['a', 'a-b', 'a.b', '0', 'x'.repeat(63)],
  ['A', 'a..b', '-a', 'a-', 'a_b', 'x'.repeat(254), 'a\n', 'a.'],
)
const tolerations = fc.array(
  orOdd(
    some({
      key: oneOf(['a', 'node.kubernetes.io/not-ready', ''], ['a b', '/a', 'a/', 'a/b/c', 'x'.repeat(318)]),
      operator: oneOf(['Exists', 'Equal'], ['exists', 'Gt']),
      value: label,
      effect: oneOf(['NoExecute', 'NoSchedule'], ['noexecute']),
      tolerationSeconds: oneOf([0, 60, 2147483647], [-1, 1.5, 2147483648, '60']),
    }),
  ),
  { maxLength: 3 },
)
const socket = oneOf(
  [
    '/run/containerd/containerd.sock',
    '/var/run/containerd/x',
    '/run/k3s/containerd/containerd.sock',
    '/var/snap/microk8s/common/run/containerd.sock',
  ],
  ['/run/containerd', '/run/containerd/', '/run/containerd/../x', '/run/containerd/a/b', '/run/containerd/.x', '/x\n'],
)
const namespace = oneOf(['a', 'b', 'kube-system', '0'], ['a.b', 'A', 'x'.repeat(64)])
const labelKey = oneOf(['disk', 'kubernetes.io/os', 'x'.repeat(63)], ['a b', '/a', 'A.b/c', 'x'.repeat(64)])
const specs = orOdd(
  some({
    reportInterval: duration,
    idleReportInterval: duration,
    agent: orOdd(
      some({
        runtime: orOdd(some({ type: oneOf(['containerd'], ['docker']), socket })),
        nodeSelector: orOdd(fc.dictionary(labelKey.map(String), label, { maxKeys: 3 })),
        tolerations: orOdd(tolerations),
        resources,
        priorityClassName: name,
        updateStrategy: orOdd(
          some({ maxUnavailable: oneOf([1, 5000, '1%', '100%'], [0, 5001, 1.5, '0%', '101%', '5', '5 %', '05%', -1]) }),
        ),
      }),
    ),
    server: orOdd(
      some({
        resources,
        storage: orOdd(
          some({ size: oneOf(['64Mi', '2Gi', '1Pi'], ['63Mi', '2Pi', '2', '1Ei']), storageClassName: name }),
        ),
        history: orOdd(some({ retention })),
        publicURL,
        readerAuth: oneOf(['token', 'none', 'kubernetes'], ['Token']),
        service: orOdd(some({ type: oneOf(['ClusterIP', 'NodePort', 'LoadBalancer'], ['ExternalName']) })),
        tls: orSeldom(orOdd(fc.record({ secretName: name })), fc.constant({})),
      }),
    ),
    rules: orOdd(some({ enabled: oneOf([true, false], ['false']), publicURL, retention })),
    watchNamespaces: orOdd(
      orSeldom(fc.uniqueArray(namespace, { maxLength: 3 }), fc.array(namespace, { maxLength: 3 })),
    ),
    imagePullSecrets: orOdd(
      orSeldom(
        fc.uniqueArray(orOdd(fc.record({ name })), { maxLength: 2, selector: item => JSON.stringify(item) }),
        fc.array(some({ name }), { maxLength: 2 }),
      ),
    ),
    unknown: fc.constant(1),
  }).map(spec => {
    // Unknown fields are refused by both: seldom, or nothing else would be judged.
    const { unknown, ...rest } = spec as { unknown?: number; reportInterval?: unknown }
    return unknown !== undefined && rest.reportInterval === '3s' ? { ...rest, unknown } : rest
  }),
)
