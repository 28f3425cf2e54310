export { type FileReader, type FileWriter, fdReader, fdWriter } from './node/descriptors.ts'
export { toReadable, toWritable } from './node/streams.ts'
export { watch } from './node/watch.ts'
