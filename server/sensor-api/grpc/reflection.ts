import { createFileRegistry, type DescFile, type FileRegistry, fromBinary, toBinary } from '@bufbuild/protobuf'
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt'
import { type handleBidiStreamingCall, type Server, status as Status } from '@grpc/grpc-js'
import { descriptorSet } from '../../../proto/generated/descriptors.ts'
import {
  type ServerReflectionRequest,
  type ServerReflectionResponse,
  ServerReflectionService as ServiceV1,
} from '../../../proto/generated/grpc/reflection/v1/reflection.ts'
import { ServerReflectionService as ServiceV1Alpha } from '../../../proto/generated/grpc/reflection/v1alpha/reflection.ts'

/** Server reflection, as v1 and, for older tools, v1alpha: the two differ in nothing but their name. */
export function addReflection(server: Server): void {
  // Most servers are never asked, and it takes a tenth of a second.
  let made: FileRegistry | undefined
  const registry = () => {
    made ??= createFileRegistry(fromBinary(FileDescriptorSetSchema, Buffer.from(descriptorSet, 'base64')))
    return made
  }
  const serverReflectionInfo: handleBidiStreamingCall<ServerReflectionRequest, ServerReflectionResponse> = call => {
    call.on('data', (request: ServerReflectionRequest) => call.write(answerTo(registry(), request)))
    call.on('end', () => call.end())
    call.on('error', () => call.end())
  }
  server.addService(ServiceV1, { serverReflectionInfo })
  server.addService(ServiceV1Alpha, { serverReflectionInfo })
}

export function answerTo(registry: FileRegistry, request: ServerReflectionRequest): ServerReflectionResponse {
  const answer = { validHost: request.host, originalRequest: request }
  const { fileByFilename, fileContainingSymbol, listServices, allExtensionNumbersOfType } = request
  if (listServices !== undefined) {
    const service = [...registry].filter(({ kind }) => kind === 'service').map(each => ({ name: nameOf(each) }))
    return { ...answer, listServicesResponse: { service } }
  }
  if (allExtensionNumbersOfType !== undefined && registry.getMessage(allExtensionNumbersOfType)) {
    const extensions = { baseTypeName: allExtensionNumbersOfType, extensionNumber: [] }
    return { ...answer, allExtensionNumbersResponse: extensions }
  }
  const file =
    fileByFilename !== undefined
      ? registry.getFile(fileByFilename)
      : fileContainingSymbol !== undefined
        ? fileOf(registry, fileContainingSymbol)
        : undefined
  if (file !== undefined) return { ...answer, fileDescriptorResponse: { fileDescriptorProto: withImports(file) } }
  return {
    ...answer,
    errorResponse: { errorCode: Status.NOT_FOUND, errorMessage: 'no such file, symbol or extension' },
  }
}

const nameOf = (described: { readonly kind: string }) => ('typeName' in described ? String(described.typeName) : '')

/** A symbol may be a member of what the registry knows: a method, a field, a value. */
function fileOf(registry: FileRegistry, symbol: string): DescFile | undefined {
  const name = symbol.replace(/^\./, '')
  const known = registry.get(name) ?? registry.get(name.slice(0, Math.max(0, name.lastIndexOf('.'))))
  return known?.file
}

function withImports(file: DescFile): Buffer[] {
  const files = new Set<DescFile>()
  const add = (each: DescFile) => {
    if (files.has(each)) return
    files.add(each)
    each.dependencies.forEach(add)
  }
  add(file)
  return [...files].map(each => Buffer.from(toBinary(FileDescriptorProtoSchema, each.proto)))
}
