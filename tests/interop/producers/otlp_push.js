// The same known metrics by the OpenTelemetry SDK for Node. usage: node otlp_push.js BASE_URL json|protobuf none|gzip
'use strict'

const { MeterProvider, PeriodicExportingMetricReader } = require('@opentelemetry/sdk-metrics')
const { resourceFromAttributes } = require('@opentelemetry/resources')

const [base, format, compression] = process.argv.slice(2)
const { OTLPMetricExporter } = require(`@opentelemetry/exporter-metrics-otlp-${format === 'json' ? 'http' : 'proto'}`)

const exporter = new OTLPMetricExporter({ url: `${base}/v1/metrics`, compression })
const provider = new MeterProvider({
  resource: resourceFromAttributes({
    'service.name': 'orders-node', 'service.version': '1.2.3', 'service.instance.id': 'one',
    'host.name': 'host-1', 'sap.tenancy.tenant_id': '', 'build.note': 'stays at home',
  }),
  readers: [new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 1000, exportTimeoutMillis: 900 })],
})

const meter = provider.getMeter('interop', '0.1')
meter.createObservableGauge('queue.length').addCallback((result) => {
  result.observe(42, { queue: 'inbox' })
  result.observe(-1.5, { queue: 'outbox' })
})
meter.createObservableGauge('disk.utilization', { unit: '1' }).addCallback((result) => result.observe(0.25))
const orders = meter.createCounter('orders.taken', { unit: '{order}' })
const connections = meter.createUpDownCounter('connections.open')
const duration = meter.createHistogram('checkout.duration', { unit: 'ms' })
connections.add(5)
connections.add(-2)

let step = 0
const timer = setInterval(() => {
  step += 1
  orders.add(1 + ((step * 37) % 97), { channel: 'web' })
  duration.record([3, 40, 120, 480, 900][(step * step) % 5])
}, 100)

process.on('SIGTERM', () => {
  clearInterval(timer)
  provider.shutdown().finally(() => process.exit(0))
})
