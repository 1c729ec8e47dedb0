import assert from 'node:assert/strict'
import { type ControlPlane, startControlPlane } from '../cluster/control-plane.ts'
import { type HollowNodes, startHollowNodes } from '../cluster/hollow-nodes.ts'
import { eventually } from '../eventually.ts'

const count = 60

describe('startHollowNodes', function () {
  this.timeout(120_000)
  let plane: ControlPlane
  let hollow: HollowNodes
  before(async function () {
    this.timeout(1_200_000) // The first time, Kubernetes is built.
    plane = await startControlPlane({ controllerManager: true, scheduler: true })
    hollow = await startHollowNodes(plane, count)
  })
  after(async () => {
    await hollow?.stop()
    await plane?.stop()
  })

  const kubectl = async (args: readonly string[], input?: string) => {
    const { code, stdout, stderr } = await plane.kubectl(args, input)
    assert.equal(code, 0, stderr)
    return stdout
  }
  const daemonSet = (image: string) => ({
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: 'everywhere', namespace: 'default' },
    spec: {
      selector: { matchLabels: { app: 'everywhere' } },
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '50%' } },
      template: { metadata: { labels: { app: 'everywhere' } }, spec: { containers: [{ name: 'main', image }] } },
    },
  })
  const rollOut = async (image: string) => {
    await kubectl(['apply', '-f', '-'], JSON.stringify(daemonSet(image)))
    await kubectl(['rollout', 'status', 'daemonset/everywhere', '--timeout=110s'])
  }

  it('runs a pod of a DaemonSet on each, and rolls out another', async () => {
    await rollOut('example.com/one')
    await rollOut('example.com/two')
    await eventually('the first is gone from all', async () => {
      const images = await kubectl(['get', 'pods', '-o=jsonpath={.items[*].spec.containers[0].image}'])
      return images.split(' ').every(image => image === 'example.com/two')
    })
    const ready = await kubectl(['get', 'daemonset/everywhere', '-o=jsonpath={.status.numberReady}'])
    assert.equal(Number(ready), count)
  })

  it('runs what the scheduler puts there, and lets go of it', async () => {
    await kubectl(['create', 'deployment', 'web', '--image=example.com/web', '--replicas=5'])
    await kubectl(['rollout', 'status', 'deployment/web', '--timeout=60s'])
    await kubectl(['delete', 'deployment/web', 'daemonset/everywhere', '--wait=false'])
    await eventually('all pods are gone', async () => (await kubectl(['get', 'pods', '--output=name'])) === '', 60_000)
  })
})
