using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace SparseRM.Server.Telemetry;

/// <summary>Sends spans to a collector of OpenTelemetry. What it needs is loaded only where one is given.</summary>
internal static class TraceExport
{
    /// <summary>Begins; what is disposed sends what is left.</summary>
    /// <param name="collector">Its address, without a path or with that of traces.</param>
    public static IDisposable To(Uri collector) => Sdk.CreateTracerProviderBuilder()
        .ConfigureResource(resource => resource.AddService("sparserm", serviceVersion: RewardTrainer.EngineVersion).AddEnvironmentVariableDetector())
        .AddSource(Spans.Name)
        .AddOtlpExporter(exporter =>
        {
            bool grpc = Environment.GetEnvironmentVariable("OTEL_EXPORTER_OTLP_PROTOCOL") == "grpc";
            exporter.Protocol = grpc ? OtlpExportProtocol.Grpc : OtlpExportProtocol.HttpProtobuf;
            exporter.Endpoint = grpc || collector.AbsolutePath.Length > 1 ? collector : new Uri(collector, "v1/traces");
        })
        .Build();
}
