import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { kubeconfigFilesOf } from './open-cluster.ts'

describe('kubeconfigFilesOf', () => {
  let home: string
  const there = (name: string) => path.join(home, name)
  before(() => {
    home = mkdtempSync(path.join(tmpdir(), 'pulltrace-kubeconfig-'))
    mkdirSync(there('.kube'))
    for (const name of ['a', 'b', '.kube/config']) writeFileSync(there(name), '')
  })
  after(() => rmSync(home, { recursive: true, force: true }))

  it('takes what was asked for over all else', () => {
    assert.equal(kubeconfigFilesOf('x', { KUBECONFIG: there('a'), HOME: home }), 'x')
  })
  it('takes those of $KUBECONFIG that are there', () => {
    const KUBECONFIG = [there('a'), '', there('gone'), there('b')].join(path.delimiter)
    assert.equal(
      kubeconfigFilesOf(undefined, { KUBECONFIG, HOME: home }),
      [there('a'), there('b')].join(path.delimiter),
    )
  })
  it('takes the usual file, also in a pod', () => {
    assert.equal(
      kubeconfigFilesOf(undefined, { HOME: home, KUBERNETES_SERVICE_HOST: '10.0.0.1' }),
      there('.kube/config'),
    )
  })
  it('takes the cluster of the pod where there is no file', () => {
    assert.equal(kubeconfigFilesOf(undefined, { HOME: '/nope', KUBERNETES_SERVICE_HOST: '10.0.0.1' }), undefined)
  })
  it('says where it looked', () => {
    assert.throws(
      () => kubeconfigFilesOf(undefined, { HOME: '/nope' }),
      /no kubeconfig: there is no \/nope\/.kube\/config/,
    )
    const gone = { KUBECONFIG: '/gone', HOME: home, KUBERNETES_SERVICE_HOST: '10.0.0.1' }
    assert.throws(() => kubeconfigFilesOf(undefined, gone), /\$KUBECONFIG names '\/gone', which is not there/)
  })
})
