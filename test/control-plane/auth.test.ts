import assert from 'node:assert/strict'
import { createPrivateKey, sign } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type KubeApi, openKubeApi } from '../../core/kube/kube-api.ts'
import { FakeClock } from '../../core/lib/clock.fake.ts'
import type { PulltraceError } from '../../core/lib/errors.ts'
import { silentLogger } from '../../core/lib/log.ts'
import { GrantGuard } from '../../server/pulltrace/http/grants.ts'
import { kubeAgents } from '../../server/pulltrace/http/kube-agents.ts'
import { kubeReaders } from '../../server/pulltrace/http/kube-readers.ts'
import { KubeReview } from '../../server/pulltrace/http/kube-review.ts'
import { goodForMs } from '../../server/pulltrace/http/verdict-cache.ts'
import { goodReport, post, type RunningServer, startServer } from '../../server/pulltrace/start-server.fake.ts'
import { type ControlPlane, startControlPlane } from '../cluster/control-plane.ts'

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

const pod = (name: string, serviceAccountName: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'pulltrace-agents' },
  spec: { nodeName: 'node-a', serviceAccountName, containers: [{ name: 'agent', image: 'agent' }] },
})

/** What is there besides our own namespaces, accounts and roles, which are applied as they are shipped. */
const objects = [
  { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { namespace: 'pulltrace-agents', name: 'other' } },
  { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-a' } },
  ...['agent-a', 'agent-goes', 'agent-stays'].map(name => pod(name, 'pulltrace-agent')),
  pod('not-an-agent', 'other'),
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: 'developers-read' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'pulltrace-reader' },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'developers' }],
  },
]

describe('tokens of a real cluster', function () {
  this.timeout(60_000)
  let plane: ControlPlane
  let server: RunningServer
  let api: KubeApi

  before(async function () {
    this.timeout(1_200_000) // The first time, Kubernetes is built.
    plane = await startControlPlane({ users: [{ name: 'dora', groups: ['developers'] }, { name: 'eve' }] })
    for (const folder of ['namespaces', 'rbac']) await kubectl(['apply', '-k', `config/${folder}`])
    const list = JSON.stringify({ kind: 'List', apiVersion: 'v1', items: objects })
    await kubectl(['apply', '--validate=false', '-f', '-'], list)
    // What the server may do is what its own ServiceAccount may do.
    const kubeconfig = await plane.addServiceAccount('pulltrace-system', 'pulltrace-server')
    api = await openKubeApi({ kubeconfigFile: kubeconfig, userAgent: 'test' })
    server = await startServer({
      PULLTRACE_AGENT_AUTH: 'kubernetes',
      PULLTRACE_READER_AUTH: 'kubernetes',
      PULLTRACE_KUBECONFIG: kubeconfig,
    })
  })
  after(async () => {
    api?.close()
    await server?.stop()
    await plane?.stop()
  })

  const kubectl = async (args: readonly string[], input?: string) => {
    const { code, stdout, stderr } = await plane.kubectl(args, input)
    assert.equal(code, 0, stderr)
    return stdout.trim()
  }
  /** What the kubelet asks for on behalf of a projected volume. */
  const projected = (pod: string, serviceAccount = 'pulltrace-agent', audience = 'pulltrace-server') =>
    kubectl([
      ...['create', 'token', serviceAccount, '--namespace=pulltrace-agents', `--audience=${audience}`],
      ...['--bound-object-kind=Pod', `--bound-object-name=${pod}`],
    ])
  let seq = 0
  const report = async (token: string, nodeName = 'node-a') => {
    const answer = await post(`${server.url}/api/v1/report`, goodReport(++seq, { nodeName }), bearer(token))
    const body = (await answer.json()) as { error?: { code: string; message: string; fix: string } }
    return { status: answer.status, retryAfter: answer.headers.get('retry-after'), ...body.error }
  }
  const read = (token: string) => fetch(`${server.url}/api/v1/nodes`, { headers: bearer(token) })
  const review = (clock: FakeClock) => new KubeReview({ api, reviewed() {}, clock, log: silentLogger })

  it('let an agent report for its own node', async () => {
    assert.deepEqual(await report(await projected('agent-a')), { status: 200, retryAfter: null })
  })

  it('let no agent report for another node', async () => {
    const { status, message } = await report(await projected('agent-a'), 'node-b')
    assert.equal(status, 403)
    assert.equal(message, "the token belongs to node 'node-a', not to 'node-b'")
  })

  it('are refused when made for the API server, not for us', async () => {
    const { status, message } = await report(
      await projected('agent-a', 'pulltrace-agent', 'https://kubernetes.default.svc'),
    )
    assert.equal(status, 401)
    assert.match(message!, /meant for 'https:\/\/kubernetes.default.svc', not for 'pulltrace-server'/)
  })

  it('are refused when bound to no node', async () => {
    const token = await kubectl([
      ...['create', 'token', 'pulltrace-agent', '--namespace=pulltrace-agents', '--audience=pulltrace-server'],
    ])
    const { status, message, fix } = await report(token)
    assert.equal(status, 403)
    assert.match(message!, /bound to no node/)
    assert.match(fix!, /kubelet projects/)
  })

  it('are refused when of another ServiceAccount of the same namespace', async () => {
    const { status, message } = await report(await projected('not-an-agent', 'other'))
    assert.equal(status, 403)
    assert.match(message!, /belongs to 'system:serviceaccount:pulltrace-agents:other'/)
  })

  it('are refused once they have ended, and when somebody else has signed them', async () => {
    const token = await projected('agent-a')
    const claims = JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as { iat: number }
    const old = { ...claims, iat: claims.iat - 7200, nbf: claims.iat - 7200, exp: claims.iat - 3600 }
    // The cluster's own key: nothing but its end is wrong with this token.
    const ended = await signed(old, path.join(plane.dir, 'certs', 'accounts.key'))
    const { status, message } = await report(ended)
    assert.equal(status, 401)
    assert.match(message!, /it ended at 20\d\d-/)
    const forged = await signed(claims, path.join(plane.dir, 'certs', 'ca.key'))
    assert.equal((await report(forged)).status, 401)
    // And with that key and its time to come it is taken: the two above fail for what they say.
    assert.equal((await report(await signed(claims, path.join(plane.dir, 'certs', 'accounts.key')))).status, 200)
  })

  it('of a deleted pod are refused within a minute', async () => {
    const clock = new FakeClock(Date.now())
    const auth = kubeAgents(review(clock), { namespace: 'pulltrace-agents', name: 'pulltrace-agent' }, clock)
    const token = `Bearer ${await projected('agent-goes')}`
    assert.deepEqual(await auth(token), { nodeName: 'node-a' })
    await kubectl(['delete', 'pod', 'agent-goes', '--namespace=pulltrace-agents', '--grace-period=0', '--force'])
    const deletedMs = performance.now()
    // kube-apiserver repeats a good answer for some seconds; ours holds for the rest of the minute.
    const refusal = async () => {
      clock.advance(goodForMs)
      return auth(token) instanceof Promise ? (auth(token) as Promise<unknown>).catch(error => error) : undefined
    }
    let said = await refusal()
    while (!(said instanceof Error)) {
      await delay(100)
      assert.ok(performance.now() - deletedMs + goodForMs < 60_000, 'still good after a minute')
      said = await refusal()
    }
    assert.match(said.message, /^the token is not valid/)
    assert.equal((said as PulltraceError).code, 'unauthenticated')
  })

  it('of readers are good when their user may get pulltraceconfigs, whatever kind they are', async () => {
    assert.equal((await read(plane.tokenOf('dora'))).status, 200)
    const account = ['create', 'token', 'pulltrace-reader', '--namespace=pulltrace-system']
    assert.equal((await read(await kubectl(account))).status, 200)
    assert.equal((await read(await kubectl([...account, '--audience=pulltrace-server']))).status, 200)
  })

  it('of readers are refused when nobody knows them, and when their user may not', async () => {
    assert.equal((await read('made-up')).status, 401)
    assert.equal((await read(await projected('agent-a'))).status, 403)
    const eve = await read(plane.tokenOf('eve'))
    assert.equal(eve.status, 403)
    assert.match(await eve.text(), /'eve' may not `get` pulltraceconfigs/)
  })

  it('open streams by a ticket of their user', async () => {
    const headers = bearer(plane.tokenOf('dora'))
    const issued = await fetch(`${server.url}/api/v1/tickets`, { method: 'POST', headers })
    const { ticket } = (await issued.json()) as { ticket: string }
    const stop = new AbortController()
    const stream = await fetch(`${server.url}/api/v1/events?ticket=${ticket}`, { signal: stop.signal })
    assert.equal(stream.status, 200)
    stop.abort()
  })

  it('end the streams of a user who may not read any more', async () => {
    const clock = new FakeClock(Date.now())
    const guard = new GrantGuard(clock, silentLogger)
    const cut: string[] = []
    const response = { destroyed: false, once() {}, destroy: () => cut.push('dora') }
    guard.add(response as never, await kubeReaders(review(clock), clock)(`Bearer ${plane.tokenOf('dora')}`))
    await guard.sweep()
    await kubectl(['delete', 'clusterrolebinding', 'developers-read'])
    // RBAC follows its own watch: a moment after the deletion the old answer can still be given.
    for (let time = 0; cut.length === 0 && time < 1000; time++) {
      clock.advance(goodForMs)
      await guard.sweep()
    }
    assert.deepEqual(cut, ['dora'])
  })

  it('are neither good nor bad while the API server is away, and those known go on', async () => {
    const [known, fresh] = [await projected('agent-stays'), await projected('agent-stays')]
    assert.equal((await report(known)).status, 200)
    await plane.killApiServer()
    const { status, retryAfter, code, message } = await report(fresh)
    assert.equal(status, 503, message)
    assert.equal(code, 'unavailable')
    assert.ok(Number(retryAfter) >= 1)
    assert.equal((await report(known)).status, 200)
    assert.equal((await read('made-up-too')).status, 503)
    await plane.restartApiServer()
    assert.equal((await report(fresh)).status, 200)
  })

  it('never reach the log', () => {
    assert.ok(server.logged.some(({ message }) => message === 'tokens cannot be reviewed'))
    assert.doesNotMatch(JSON.stringify(server.logged), new RegExp(`${plane.tokenOf('dora')}|eyJ`))
  })
})

async function signed(claims: object, keyFile: string): Promise<string> {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const text = `${part({ alg: 'ES256' })}.${part(claims)}`
  const key = createPrivateKey(await readFile(keyFile))
  return `${text}.${sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}
