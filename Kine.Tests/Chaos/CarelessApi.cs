using System.Reflection;
using Kine.Etcd;
using Kine.Grains.Cluster;

namespace Kine.Tests.Chaos;

/// <summary>Planted: a process answers every read from what it knows, without asking the writer.</summary>
internal class CarelessApi : DispatchProxy
{
    private IEtcdApi? _inner;

    public static IEtcdApi Of(IEtcdApi inner)
    {
        var api = Create<IEtcdApi, CarelessApi>();
        ((CarelessApi)(object)api)._inner = inner;
        return api;
    }

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
    {
        if (targetMethod!.Name == nameof(IEtcdApi.Range))
            args![0] = new RangeRequest((RangeRequest)args[0]!) { Serializable = true };

        return targetMethod.Invoke(_inner, args);
    }
}
