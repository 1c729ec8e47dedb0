import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { parseAllDocuments } from 'yaml'
import { clusterNames, ports } from '../core/contract/cluster-names.ts'
import { imageUser, launch } from '../core/contract/launch.ts'
import { parsePulltraceConfig } from '../core/contract/parse-config.ts'
import { version } from '../core/lib/version.ts'
import { loadOperatorConfig } from '../operator/config.ts'

// biome-ignore lint/suspicious/noExplicitAny: any object of Kubernetes.
type Manifest = any

const documentsOf = (file: string): Manifest[] =>
  parseAllDocuments(readFileSync(file, 'utf8')).map(document => document.toJS())
const all = documentsOf('config/install.yaml')
const find = (kind: string, name: string, namespace?: string): Manifest => {
  const found = all.find(
    ({ kind: itsKind, metadata }) => itsKind === kind && metadata.name === name && metadata.namespace === namespace,
  )
  assert.ok(found, `${kind} ${namespace ?? ''}/${name}`)
  return found
}

describe('config/install.yaml', () => {
  const system = 'pulltrace-system'
  const pod = find('Deployment', clusterNames.operator, system).spec.template.spec
  const [container] = pod.containers
  const env = Object.fromEntries(container.env.map(({ name, value }: Manifest) => [name, value]))

  it('runs the operator as the image has it', () => {
    assert.deepEqual(container.command, launch.operator.command)
    for (const [name, value] of Object.entries(launch.operator.env)) assert.equal(env[name], value)
    assert.equal(pod.securityContext.runAsUser, imageUser)
    assert.equal(container.ports[0].containerPort, ports.operatorMetrics)
  })

  it('names the image once, in its version, for all programs', () => {
    assert.equal(container.image, `ghcr.io/pulltrace/pulltrace:${version}`)
    assert.equal(env['PULLTRACE_IMAGE'], container.image)
  })

  it('gives the operator settings that it takes, and time to stop', () => {
    const config = loadOperatorConfig({ ...env, PULLTRACE_OPERATOR_NAMESPACE: system })
    assert.equal(config.image, container.image)
    assert.ok(pod.terminationGracePeriodSeconds * 1000 > config.shutdownGraceMs)
  })

  it('brings each account that pods ask for, and a token only where the API server is asked', () => {
    const mounts = (name: string, namespace: string) =>
      find('ServiceAccount', name, namespace).automountServiceAccountToken !== false
    assert.equal(mounts(clusterNames.operator, system) || pod.automountServiceAccountToken, true)
    assert.equal(mounts(clusterNames.server, system), true)
    assert.equal(mounts(clusterNames.reader, system), false)
    assert.equal(mounts(clusterNames.agent, 'pulltrace-agents'), false)
  })

  it('has no rule for everything', () => {
    const rules = all.filter(({ rules }) => rules).flatMap(({ rules }) => rules as Record<string, string[]>[])
    assert.ok(rules.length > 20)
    assert.deepEqual(
      rules.filter(rule => Object.values(rule).flat().includes('*')),
      [],
    )
    const verbs = rules.flatMap(({ verbs }) => verbs!)
    for (const verb of ['escalate', 'bind', 'impersonate', 'deletecollection']) assert.ok(!verbs.includes(verb), verb)
  })

  it('lists Secrets by name only', () => {
    const lists = all
      .flatMap(({ rules = [] }) => rules as Record<string, string[]>[])
      .filter(({ resources, verbs }) => resources!.includes('secrets') && /list|watch/.test(verbs!.join()))
    assert.deepEqual(
      lists.map(({ resourceNames }) => resourceNames),
      [[clusterNames.reader, clusterNames.rules]],
    )
  })

  it('binds roles that it brings to accounts that it brings', () => {
    for (const { kind, roleRef, subjects, metadata } of all.filter(({ roleRef }) => roleRef)) {
      find(roleRef.kind, roleRef.name, kind === 'RoleBinding' ? metadata.namespace : undefined)
      for (const subject of subjects) find('ServiceAccount', subject.name, subject.namespace)
    }
  })
})

describe('config/samples', () => {
  for (const file of readdirSync('config/samples').filter(name => name.endsWith('.yaml'))) {
    it(`${file} is one PulltraceConfig that is right`, () => {
      const documents = documentsOf(path.join('config/samples', file))
      assert.equal(documents.length, 1)
      assert.deepEqual(parsePulltraceConfig(documents[0], 'cluster').faults, undefined)
    })
  }
})
