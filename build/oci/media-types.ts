export type Family = 'oci' | 'docker'

const oci = 'application/vnd.oci.image'
const docker = 'application/vnd.docker'

export const mediaTypes = {
  oci: {
    index: `${oci}.index.v1+json`,
    manifest: `${oci}.manifest.v1+json`,
    config: `${oci}.config.v1+json`,
    layer: { gzip: `${oci}.layer.v1.tar+gzip`, zstd: `${oci}.layer.v1.tar+zstd`, none: `${oci}.layer.v1.tar` },
  },
  docker: {
    index: `${docker}.distribution.manifest.list.v2+json`,
    manifest: `${docker}.distribution.manifest.v2+json`,
    config: `${docker}.container.image.v1+json`,
    layer: {
      gzip: `${docker}.image.rootfs.diff.tar.gzip`,
      zstd: `${docker}.image.rootfs.diff.tar.zstd`,
      none: `${docker}.image.rootfs.diff.tar`,
    },
  },
} as const
