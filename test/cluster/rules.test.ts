import assert from 'node:assert/strict'
import { nodeFile } from '../../core/contract/launch.ts'
import { eventually } from '../eventually.ts'
import { untilServed } from './kinds.ts'
import { openStory, podOf, type Story, system } from './story.ts'
import { openTunnel } from './tunnel.ts'

/** What a user does to have rules in a cluster: one line of the config, then a file of rules. */
describe('rules in a cluster', function () {
  this.timeout(180_000)
  let story: Story

  before(async function () {
    this.timeout(1_800_000) // The first time, Kubernetes and the image are built.
    story = await openStory()
    await story.kubectl('apply', '-f', 'config/install.yaml')
    await untilServed(story.cluster, 'pulltraceconfigs')
    await enable(true)
    await story.kubectl('wait', '--for=condition=Ready', 'ptc/pulltrace', '--timeout=150s')
    await story.look()
  })
  after(() => story?.stop())

  const enable = (enabled: boolean) =>
    story.apply({
      apiVersion: 'pulltrace.dev/v1alpha1',
      kind: 'PulltraceConfig',
      metadata: { name: 'pulltrace' },
      spec: { rules: { enabled } },
    })
  const server = [`-n=${system}`, 'pulltrace-server-0', '-c=sensor-api'] as const
  const tk = (input: string, ...args: readonly string[]) =>
    story.feed(input, 'exec', '-i', ...server, '--', nodeFile, '/app/tk-sensor-api.mjs', ...args)

  it('takes rules through the container of the sensor API, while it runs', async () => {
    const rule = {
      name: 'nothing from the shop',
      action: 'fail',
      state: 'active',
      scope: { tags: [] },
      any: [{ all: [{ field: ['repository'], op: 'contains', field_type: 'text', value: '/shop/' }] }],
    }
    assert.match(await tk(JSON.stringify([rule]), 'rules', 'apply', '--yes', '-f', '-'), /nothing from the shop/)
    const list = JSON.parse(await tk('', 'rules', 'list', '--output', 'json')) as { name: string; state: string }[]
    assert.deepEqual(
      list.map(({ name, state }) => [name, state]),
      [['nothing from the shop', 'active']],
    )
  })

  /** Pulls a new image of a project for a pod, and answers with its end. */
  async function pulled(project: string) {
    const name = `app-${pods++}`
    const image = await story.cluster.push({ name: `${project}/${name}`, layers: [{ bytes: 300_000 }] })
    const pod = await story.deploy(name, image.ref(story.cluster.registryHost))
    const { pull } = await story.event(
      'its end',
      event => podOf(event.pull)?.podName === pod && event.type === 'pull.completed',
    )
    await story.kubectl('delete', 'deployment', name)
    return pull
  }
  let pods = 0

  it('shows which rule a pull of a pod violates, and lets the others be', async () => {
    // The rules of the server are at most one sync old.
    const violating = async () => (await pulled('shop')).violations
    const violations = await eventually('a violation', violating, 90_000)
    assert.deepEqual(
      violations.map(({ name, action }) => [name, action]),
      [['nothing from the shop', 'fail']],
    )
    assert.equal((await pulled('bank')).violations, undefined)
  })

  it('makes a key for a sensor in a job', async () => {
    assert.match(await tk('', 'keys', 'create', 'nightly-import'), /^tk-v1-[0-9a-f]{32}-[0-9a-f]{64}$/m)
    const service = await story.kubectl(
      'get',
      'service',
      'tk-sensor-api',
      `-n=${system}`,
      '-o=jsonpath={.spec.ports[*].port}',
    )
    assert.equal(service, '50051')
  })

  it('lets the first person sign in to the pages of rules, who must then choose a password', async () => {
    const path = '-o=jsonpath={.data.admin-password}'
    const encoded = await story.kubectl('get', 'secret', 'pulltrace-rules', `-n=${system}`, path)
    const password = Buffer.from(encoded, 'base64').toString()
    const tunnel = await openTunnel(story.cluster.plane, system, 'tk-web-ui', 8090)
    try {
      const answer = await fetch(`${tunnel.url}/sign-in`, {
        method: 'POST',
        redirect: 'manual',
        headers: { origin: tunnel.url },
        body: new URLSearchParams({ name: 'admin', password }),
      })
      assert.equal(answer.status, 303)
      assert.equal(answer.headers.get('location'), '/password')
    } finally {
      await tunnel.stop()
    }
  })

  it('takes sensor API and pages away when rules are switched off, and keeps what its keys were made with', async () => {
    const secret = () => story.kubectl('get', 'secret', 'pulltrace-rules', `-n=${system}`, '-o=jsonpath={.data}')
    const before = await secret()
    await enable(false)
    await eventually(
      'one container is left',
      async () => {
        const path = '-o=jsonpath={.items[*].spec.containers[*].name} {.items[*].status.containerStatuses[*].ready}'
        const pods = await story.kubectl('get', 'pod', '-l=app.kubernetes.io/component=server', `-n=${system}`, path)
        return pods === 'server true'
      },
      90_000,
    )
    const services = await story.kubectl('get', 'service', `-n=${system}`, '-o=name')
    assert.doesNotMatch(services, /tk-sensor-api/)
    assert.equal(await secret(), before)
  })
})
