import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { parseAllDocuments } from 'yaml'
import { configMaps, secrets, serviceMonitors } from '../../core/kube/resources.ts'
import { createAuthority } from '../cluster/certificates.ts'
import { untilServed } from '../cluster/kinds.ts'
import { eventually } from '../eventually.ts'
import {
  agents,
  applyConfig,
  made,
  openScene,
  operatorAccount,
  type RunningOperator,
  type Scene,
  startOperator,
  system,
  untilMade,
  untilReason,
} from './operator-rig.ts'
import { serviceMonitorKind } from './service-monitor-kind.ts'
import { asText, grantsOf, isUsed } from './used-grants.ts'

const manifests = parseAllDocuments(readFileSync('config/install.yaml', 'utf8')).map(document => document.toJS())

describe('the roles of the operator', function () {
  this.timeout(120_000)
  let scene: Scene
  let operator: RunningOperator

  before(async function () {
    this.timeout(1_200_000) // The first time, Kubernetes is built.
    // Without a garbage collector, so that the operator itself removes what belongs to a config that is gone.
    scene = await openScene()
    await scene.kubectl(['apply', '--filename=-'], JSON.stringify(serviceMonitorKind))
    await untilServed(scene.plane, 'servicemonitors')
    await createTlsSecret()
    operator = await startOperator(await scene.plane.addServiceAccount(system, 'pulltrace-operator'))
  })
  after(async () => {
    await operator?.stop()
    await scene?.[Symbol.asyncDispose]()
  })

  async function createTlsSecret() {
    const authority = await createAuthority(scene.plane.dir)
    const names = [`pulltrace-server.${system}.svc`, `tk-sensor-api.${system}.svc`, `tk-web-ui.${system}.svc`]
    const { certificateFile, keyFile } = await authority.serve('pulltrace-server', { names, addresses: [] })
    await scene.kubectl([
      'create',
      'secret',
      'generic',
      'pulltrace-server-tls',
      `--namespace=${system}`,
      `--from-file=tls.crt=${certificateFile}`,
      `--from-file=tls.key=${keyFile}`,
      `--from-file=ca.crt=${authority.certificateFile}`,
    ])
  }

  const asked = async () => (await scene.plane.auditEvents()).filter(({ user }) => user.username === operatorAccount)

  it('are enough for all that it does', async () => {
    const rules = { enabled: true }
    await applyConfig(scene.api, { rules, server: { tls: { secretName: 'pulltrace-server-tls' } } }, 'first')
    await untilMade(scene.api)
    const uidOf = async () =>
      (await scene.api.get(configMaps, 'pulltrace-server-ca', { namespace: agents }))?.metadata?.uid
    await eventually('the agents have the authority', uidOf)
    const monitor = () => scene.api.get(serviceMonitors, 'pulltrace', { namespace: system })
    await eventually('the ServiceMonitor is there', monitor)
    await applyConfig(scene.api, {}, 'second')
    await untilReason(scene.api, 'Stalled', 'AnotherConfigActive', 'second')

    const token = await scene.api.get(secrets, 'pulltrace-reader', { namespace: system })
    await scene.kubectl(['delete', 'pulltraceconfig', 'first', '--wait=true'])
    await eventually('all is made anew for the other', async () => {
      const now = await scene.api.get(secrets, 'pulltrace-reader', { namespace: system })
      return now !== undefined && now.metadata?.uid !== token?.metadata?.uid ? true : undefined
    })
    await untilMade(scene.api)
    await eventually('the monitor is made anew', monitor)
    await operator.terminate()

    const refused = (await asked()).filter(({ responseStatus }) => responseStatus?.code === 403)
    assert.deepEqual(
      refused.map(({ verb, requestURI }) => `${verb} ${path.basename(requestURI)}`),
      [],
    )
  })

  it('have no rule that it does not use', async () => {
    const events = await asked()
    const grants = grantsOf(manifests, system, 'pulltrace-operator')
    assert.ok(grants.length > 40)
    assert.deepEqual(grants.filter(grant => !isUsed(grant, events)).map(asText), [])
    // Not because everything would count as used.
    for (const grant of grants) {
      assert.equal(isUsed({ ...grant, verb: 'deletecollection' }, events), false)
      assert.equal(isUsed({ ...grant, resource: 'pods' }, events), false)
      assert.equal(isUsed({ ...grant, name: 'other' }, events), false)
    }
  })

  it('cover every object by name that it makes', async () => {
    const names = new Set(grantsOf(manifests, system, 'pulltrace-operator').map(({ name }) => name))
    for (const [, , name] of made) assert.ok(names.has(name), name)
  })
})
