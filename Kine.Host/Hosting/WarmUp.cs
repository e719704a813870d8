using Kine.Etcd;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Serialization;

namespace Kine.Host.Hosting;

/// <summary>Most of a start is the compiler's time, on one thread. What no setting changes is gone through on another one, for its code alone.</summary>
internal static class WarmUp
{
    public static void Run()
    {
        using var services = new ServiceCollection().AddSerializer().BuildServiceProvider();
        services.GetRequiredService<Serializer>();
        services.GetRequiredService<DeepCopier>();
        _ = RpcReflection.Descriptor;
    }
}
