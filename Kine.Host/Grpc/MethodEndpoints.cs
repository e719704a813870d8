using System.Collections.Frozen;
using Grpc.AspNetCore.Server;
using Kine.Host.Metrics;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;

namespace Kine.Host.Grpc;

/// <summary>Where the library maps its methods: a path is one string here, and needs no route to be matched.</summary>
internal sealed class MethodEndpoints(IServiceProvider services) : IEndpointRouteBuilder
{
    public IServiceProvider ServiceProvider => services;

    public ICollection<EndpointDataSource> DataSources { get; } = [];

    public IApplicationBuilder CreateApplicationBuilder() => new ApplicationBuilder(services);

    /// <summary>What was mapped, by path.</summary>
    public FrozenDictionary<string, GrpcMethod> Methods(IReadOnlyDictionary<string, CallStats> stats) => DataSources
        .SelectMany(source => source.Endpoints)
        .Select(endpoint => (endpoint.RequestDelegate, endpoint.Metadata.GetRequiredMetadata<GrpcMethodMetadata>().Method))
        .ToFrozenDictionary(e => e.Method.FullName, e => new GrpcMethod(e.Method.Type, e.RequestDelegate!, stats[e.Method.FullName]), StringComparer.Ordinal);
}
