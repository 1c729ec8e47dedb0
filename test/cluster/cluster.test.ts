import assert from 'node:assert/strict'
import { readFile, stat } from 'node:fs/promises'
import { eventually, eventuallyHolds } from '../eventually.ts'
import { openOracle } from '../rig/oracle.ts'
import { type Cluster, startCluster } from './cluster.ts'
import type { ClusterNode } from './node.ts'
import { pauseImage } from './node-config.ts'
import { volumeFolder } from './volumes.ts'

describe('startCluster', function () {
  this.timeout(120_000)
  let cluster: Cluster
  let first: ClusterNode
  let second: ClusterNode
  before(async function () {
    this.timeout(1_800_000) // The first time, everything is built.
    cluster = await startCluster({ nodes: 2 })
    ;[first, second] = cluster.nodes as [ClusterNode, ClusterNode]
  })
  after(() => cluster?.stop())

  /** What kubectl printed; fails with what it said. */
  const kubectl = async (args: readonly string[], input?: string) => {
    const { code, stdout, stderr } = await cluster.kubectl(args, input)
    assert.equal(code, 0, stderr)
    return stdout
  }
  const apply = (object: object) => kubectl(['apply', '-f', '-'], JSON.stringify(object))
  const field = (what: string, jsonPath: string) => kubectl(['get', what, `-o=jsonpath={${jsonPath}}`])
  const running = (pod: string) => kubectl(['wait', '--for=condition=Ready', `pod/${pod}`, '--timeout=30s'])

  /** A program in the pod's network. The pods' own image has none but `pause`. */
  const inPod = async (node: ClusterNode, pod: string): Promise<string[]> => {
    const address = await field(`pod/${pod}`, '.status.podIP')
    for (const name of (await node.machine.exec('ls', ['/run/netns'])).split('\n').filter(Boolean)) {
      const addresses = await node.machine.exec('ip', ['netns', 'exec', name, 'ip', '-o', '-4', 'address'])
      if (addresses.includes(` ${address}/`)) return ['netns', 'exec', name, process.execPath, '-e']
    }
    throw new Error(`no network of ${node.name} has the address ${address} of pod ${pod}`)
  }

  it('runs pods on both nodes, which reach each other by Service and by name', async () => {
    await apply(pod('client', { nodeName: 'node-1' }))
    await apply(pod('server', { nodeName: 'node-2' }))
    await apply({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'hello', namespace: 'default' },
      spec: { selector: { app: 'server' }, ports: [{ port: 80, targetPort: 8080 }] },
    })
    await running('client')
    await running('server')
    const serve = `require('node:http').createServer((_, answer) => answer.end('hello')).listen(8080)`
    const server = await second.machine.start('server', 'ip', [...(await inPod(second, 'server')), serve])
    try {
      const ask = `
        const dns = new (require('node:dns').promises.Resolver)()
        dns.setServers(['10.96.0.10'])
        dns.resolve4('hello.default.svc.cluster.local')
          .then(async ([address]) => console.log(await (await fetch('http://' + address)).text()))`
      const client = await inPod(first, 'client')
      const answers = async () => {
        const answer = await first.machine.exec('ip', [...client, ask]).catch(error => String(error))
        return answer.trim() === 'hello'
      }
      // A question to a DNS that has no way yet is lost, and is asked again 5 s later.
      await eventually('the Service answers', answers, 60_000)
    } finally {
      await server.end('SIGKILL')
    }
  })

  it('lets pods reach the API server', async () => {
    const ask = `
      process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
      fetch('https://10.96.0.1/version').then(answer => console.log(answer.status))`
    const status = await first.machine.exec('ip', [...(await inPod(first, 'client')), ask])
    assert.equal(status.trim(), '401')
  })

  it("pulls a pod's image through the proxy, where containerd's socket shows it", async () => {
    const image = await cluster.push({ name: 'team/slow', layers: [{ bytes: 3_000_000 }] })
    const [layer] = image.layers
    const gate = cluster.proxy.blob(layer!.digest)
    gate.release(2_000_000)
    await apply(pod('slow', { nodeName: 'node-1' }, { image: image.ref(cluster.registryHost) }))
    await cluster.proxy.sent(layer!.digest, 2_000_000, 30_000)
    const oracle = openOracle(first)
    // The image's config is fetched beside the layer, and may be under way when so much of that is here.
    await eventuallyHolds(async () => assert.deepEqual(await oracle.ingests(), [`layer-${layer!.digest}`]))
    gate.resume()
    // It is only bytes: it is pulled, and then cannot run.
    await eventually('the image is pulled', async () => {
      const events = ['get', 'events', '--field-selector=involvedObject.name=slow', '-o=jsonpath={.items[*].message}']
      return (await kubectl(events)).includes('Successfully pulled image')
    })
    await kubectl(['delete', 'pod', 'slow', '--wait=false'])
  })

  it('binds a claim to a volume that a pod without root can write', async () => {
    await apply({
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: 'data', namespace: 'default' },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    })
    const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }]
    const securityContext = { runAsUser: 65532, runAsGroup: 65532, fsGroup: 65532, runAsNonRoot: true }
    await apply(pod('writer', { volumes, securityContext }, { volumeMounts: [{ name: 'data', mountPath: '/data' }] }))
    await running('writer')
    const volume = await field('pvc/data', '.spec.volumeName')
    const { gid, mode } = await stat(first.machine.outside(volumeFolder(Number(volume.split('-')[1]))))
    assert.deepEqual({ gid, groupWrites: (mode & 0o020) !== 0 }, { gid: 65532, groupWrites: true })
  })

  it('gives pods tokens that are bound to their node', async () => {
    const sources = [{ serviceAccountToken: { audience: 'some-server', path: 'token' } }]
    const volumes = [{ name: 'token', projected: { sources } }]
    await apply(
      pod('bound', { nodeName: 'node-2', volumes }, { volumeMounts: [{ name: 'token', mountPath: '/token' }] }),
    )
    await running('bound')
    const uid = await field('pod/bound', '.metadata.uid')
    const file = `/var/lib/kubelet/pods/${uid}/volumes/kubernetes.io~projected/token/token`
    const token = await readFile(second.machine.outside(file), 'utf8')
    const spec = { token, audiences: ['some-server'] }
    const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec }
    const { status } = JSON.parse(await kubectl(['create', '-o=json', '-f', '-'], JSON.stringify(review)))
    assert.deepEqual(status.user.extra['authentication.kubernetes.io/node-name'], ['node-2'])
  })

  it('keeps its pods when containerd and the kubelet start again', async () => {
    await first.restartContainerd()
    await first.restartKubelet()
    await apply(pod('later', { nodeName: 'node-1' }))
    await running('later')
    assert.equal(await field('pod/client', '.status.containerStatuses[0].restartCount'), '0')
  })

  it('has containerd where the agent looks for it', async () => {
    const { mode } = await stat(first.machine.outside('/run/containerd'))
    assert.equal(mode & 0o777, 0o711, 'an agent without capabilities must be able to pass through it')
    assert.equal((await stat(first.socket)).isSocket(), true)
  })
})

const paused = { image: pauseImage, imagePullPolicy: 'IfNotPresent' }

const pod = (name: string, spec: object, container: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default', labels: { app: name } },
  spec: { terminationGracePeriodSeconds: 0, ...spec, containers: [{ name: 'main', ...paused, ...container }] },
})
