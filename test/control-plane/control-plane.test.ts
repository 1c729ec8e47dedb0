import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { symlink } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { type ControlPlane, startControlPlane } from '../cluster/control-plane.ts'
import { findKubeProgram } from '../cluster/kube-program.ts'
import { eventually } from '../eventually.ts'
import { makeRigDir, processRuns, removeRigDir } from '../rig/child.ts'
import { findProgram, kubernetesVersion } from '../rig/programs.ts'

describe('startControlPlane', function () {
  this.timeout(120_000)
  let plane: ControlPlane
  before(async function () {
    this.timeout(1_200_000) // The first time, Kubernetes is built.
    plane = await startControlPlane({
      controllerManager: true,
      users: [{ name: 'dora', groups: ['developers'] }],
    })
  })
  after(() => plane?.stop())

  /** What kubectl printed; fails with what it said. */
  const kubectl = async (args: readonly string[], input?: string, user?: string) => {
    const { code, stdout, stderr } = await plane.kubectl(args, input, user)
    assert.equal(code, 0, stderr)
    return stdout
  }
  const whoami = (user: string) =>
    kubectl(['auth', 'whoami', '-o=jsonpath={.status.userInfo.username}'], undefined, user)

  it('answers kubectl, and says what kubectl refuses', async () => {
    assert.match(await kubectl(['version']), /Server Version: v1\.35\./)
    const refused = await plane.kubectl(['create', '-f', '-'], 'kind: Nothing\napiVersion: v1\n')
    assert.equal(refused.code, 1)
    assert.match(refused.stderr, /no matches for kind "Nothing"/)
  })

  it('knows users by token, by client certificate and by ServiceAccount', async () => {
    assert.equal(await whoami('dora'), 'dora')
    await plane.addUser('cert/user+1', ['auditors'])
    assert.equal(await whoami('cert/user+1'), 'cert/user+1')
    await plane.addServiceAccount('default', 'default')
    assert.equal(await whoami('system:serviceaccount:default:default'), 'system:serviceaccount:default:default')
  })

  it('gives users what their roles allow, and nothing else', async () => {
    const refused = await plane.kubectl(['get', 'configmaps'], undefined, 'dora')
    assert.match(refused.stderr, /User "dora" cannot list resource "configmaps"/)
    await kubectl(['create', 'role', 'reads-maps', '--verb=list', '--resource=configmaps'])
    await kubectl(['create', 'rolebinding', 'reads-maps', '--role=reads-maps', '--group=developers'])
    // Who may what is judged by what a watch has brought, a moment after it was made.
    const may = async () => (await plane.kubectl(['auth', 'can-i', 'list', 'configmaps'], undefined, 'dora')).code === 0
    await eventually('the role is in force', may)
    await kubectl(['get', 'configmaps'], undefined, 'dora')
  })

  it('remembers each request, its answer and the rule that allowed it', async () => {
    const events = await plane.auditEvents()
    const lists = events.filter(
      ({ user, objectRef }) => user.username === 'dora' && objectRef?.resource === 'configmaps',
    )
    assert.deepEqual(
      lists.map(({ responseStatus }) => responseStatus?.code),
      [403, 200],
    )
    assert.match(lists[1]!.annotations!['authorization.k8s.io/reason']!, /allowed by RoleBinding "reads-maps/)
  })

  it('runs the controllers: what an object owns goes with it', async () => {
    const owner = JSON.parse(await kubectl(['create', 'configmap', 'owner', '-o=json'])) as {
      metadata: { uid: string }
    }
    const { uid } = owner.metadata
    const owned = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'owned', ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid }] },
    }
    await kubectl(['create', '-f', '-'], JSON.stringify(owned))
    await kubectl(['delete', 'configmap', 'owner'])
    await kubectl(['wait', '--for=delete', 'configmap/owned', '--timeout=30s'])
  })

  it('keeps its address and its data when the API server is killed and started again', async () => {
    await kubectl(['create', 'configmap', 'stays'])
    const { url } = plane
    await plane.killApiServer()
    assert.match((await plane.kubectl(['get', 'configmap', 'stays'])).stderr, /refused/)
    await plane.restartApiServer()
    assert.equal(plane.url, url)
    await kubectl(['get', 'configmap', 'stays'])
  })

  it('answers 410 to a watch from before a compaction', async () => {
    const maps = '/api/v1/namespaces/default/configmaps'
    const { metadata } = JSON.parse(await kubectl(['get', '--raw', maps])) as { metadata: { resourceVersion: string } }
    await kubectl(['create', 'configmap', 'later'])
    await plane.compactEtcd()
    await plane.restartApiServer()
    const path = `${maps}?watch=true&timeoutSeconds=5&resourceVersion=${metadata.resourceVersion}`
    const { stdout, stderr } = await plane.kubectl(['get', '--raw', path])
    assert.match(stdout + stderr, /too old resource version/)
  })

  it('leaves no process and no file', async () => {
    const other = await startControlPlane()
    const pids = other.pids()
    assert.equal(pids.length, 2)
    await other.stop()
    assert.deepEqual(pids.filter(processRuns), [])
    assert.equal(existsSync(other.dir), false)
  })

  it("takes envtest's programs from KUBEBUILDER_ASSETS, and builds what it has not", async () => {
    const dir = await makeRigDir('assets')
    try {
      const kube = await findProgram('kube')
      // A program of its own by the name it is called by.
      for (const name of ['etcd', 'kube-apiserver']) await symlink(kube, path.join(dir, name))
      const env = { KUBEBUILDER_ASSETS: dir }
      assert.deepEqual(await findKubeProgram('etcd', env), [path.join(dir, 'etcd')])
      assert.deepEqual(await findKubeProgram('kubelet', env), [kube, 'kubelet'])
      assert.deepEqual(await findKubeProgram('etcd', {}), [kube, 'etcd'])
      const { stdout } = await promisify(execFile)(path.join(dir, 'kube-apiserver'), ['--version'])
      assert.equal(stdout.trim(), `Kubernetes ${kubernetesVersion}`)
    } finally {
      await removeRigDir(dir)
    }
  })
})
