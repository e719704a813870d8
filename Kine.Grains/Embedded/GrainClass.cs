using System.Collections.Concurrent;
using Microsoft.Extensions.DependencyInjection;
using Orleans;
using Orleans.Concurrency;

namespace Kine.Grains.Embedded;

/// <summary>A class of grains and its activations in this process.</summary>
internal sealed class GrainClass(Type type)
{
    private readonly ObjectFactory _create = ActivatorUtilities.CreateFactory(type, Type.EmptyTypes);

    public string Name { get; } = type.FullName!;

    public Type Type => type;

    public bool IsReentrant { get; } = type.IsDefined(typeof(ReentrantAttribute), inherit: true);

    public bool KeepsAlive { get; } = type.IsDefined(typeof(KeepAliveAttribute), inherit: true);

    /// <summary>Every activation that has not ended, by key.</summary>
    public ConcurrentDictionary<string, Activation> Live { get; } = new(StringComparer.Ordinal);

    public object Create(IServiceProvider services) => _create(services, null);
}
