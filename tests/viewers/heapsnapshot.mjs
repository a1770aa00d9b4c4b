// What DevTools' own parser and memlab say of an export must be what reftracker says.
//
//	node heapsnapshot.mjs ONE.heapsnapshot ONE.json SERIES/1-....heapsnapshot SERIES/2-....heapsnapshot TYPE COUNT
//
// ONE.json: of the same heap, with retained sizes. TYPE: of which COUNT objects came between the
// two files of the series, and none went.
import assert from 'node:assert/strict'
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { createRequire } from 'node:module'
import { parse, diff } from 'heap-snapshot-toolkit'

const memlab = createRequire(import.meta.url)('@memlab/core')
const [one, json, before, after, type, count] = process.argv.slice(2)
let passed = 0

async function check(name, body) {
  const start = Date.now()
  await body()
  passed++
  console.log(`${name}: ok ${((Date.now() - start) / 1000).toFixed(1)} s`)
}

// Objects in the order of their addresses, as both files have them.
async function readObjects() {
  const objects = []
  for await (const line of createInterface({ input: createReadStream(json) })) {
    const row = JSON.parse(line)
    if (row.object) objects.push(row)
    else if (row.root) break
  }
  return objects
}

async function readHead() {
  for await (const line of createInterface({ input: createReadStream(json) })) return JSON.parse(line)
}

const objects = await readObjects()
const head = await readHead()
const shown = size => Math.max(size, 1)
// An object of unknown size counts as one byte there and as none here.
const unsized = objects.some(o => o.size === 0)

await check('devtools_counts_nodes_edges_and_retained_bytes', async () => {
  const snapshot = await parse(createReadStream(one, 'utf-8'))
  const first = snapshot.nodeCount - objects.length
  assert.equal(head.objects, objects.length)
  assert.ok(first > 0)
  const edges = snapshot.containmentEdges.length / 3
  let rootEdges = 0
  for (let i = 0; i < first; i++)
    rootEdges += (snapshot.firstEdgeIndexes[i + 1] - snapshot.firstEdgeIndexes[i]) / 3
  assert.equal(edges - rootEdges, head.references)
  let unreached = 0
  objects.forEach((object, i) => {
    const node = snapshot.createNode((first + i) * snapshot.nodeFieldCount)
    assert.equal(node.selfSize(), shown(object.size))
    if (!unsized) assert.equal(node.retainedSize(), object.retained, object.object)
    else assert.ok(node.retainedSize() >= object.retained, object.object)
    if (node.distance() < 0) unreached++
  })
  assert.equal(unreached, 0)
})

await check('memlab_counts_the_same_and_finds_paths', async () => {
  memlab.config.muteConsole = true
  memlab.info.unregister?.()
  const heap = await memlab.utils.getSnapshotFromFile(one, {
    buildNodeIdIndex: true, verbose: false
  })
  const first = heap.nodes.length - objects.length
  const finder = new memlab.TraceFinder()
  finder.calculateAllNodesRetainedSizes(heap)
  let paths = 0
  finder.annotateShortestPaths(heap)
  objects.forEach((object, i) => {
    const node = heap.nodes.get(first + i)
    assert.equal(node.self_size, shown(object.size))
    if (!unsized) assert.equal(node.retainedSize, object.retained, object.object)
    if (node.hasPathEdge) paths++
  })
  assert.equal(paths, objects.length)
})

await check('comparison_in_devtools_finds_what_is_new', async () => {
  const from = await parse(createReadStream(before, 'utf-8'))
  const to = await parse(createReadStream(after, 'utf-8'))
  const changes = await diff(from, to)
  const key = Object.keys(changes).find(k => changes[k].name === type || k === type || k.endsWith(',' + type))
  assert.ok(key, `nothing new of ${type}`)
  assert.equal(changes[key].addedCount, Number(count))
  assert.equal(changes[key].removedCount, 0)
})

console.log(`viewers: ${passed} passed, 0 failed`)
