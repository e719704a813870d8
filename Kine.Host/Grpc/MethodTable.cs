using System.Diagnostics.CodeAnalysis;
using Kine.Grains;

namespace Kine.Host.Grpc;

/// <summary>All methods of the server by path, filled at start and only read afterwards.</summary>
internal sealed class MethodTable
{
    private readonly Dictionary<string, GrpcMethod> _methods = new(StringComparer.Ordinal);
    private readonly HashSet<string> _services = new(StringComparer.Ordinal);

    /// <summary>The methods, for metrics.</summary>
    public IReadOnlyCollection<GrpcMethod> Methods => _methods.Values;

    /// <summary>Adds a method; its path must be new.</summary>
    public void Add(GrpcMethod method)
    {
        _methods.Add(method.Path, method);
        _services.Add(method.Service);
    }

    /// <summary>The method of a :path.</summary>
    public bool TryFind(string path, [MaybeNullWhen(false)] out GrpcMethod method) => _methods.TryGetValue(path, out method);

    /// <summary>The error for a :path that has no method.</summary>
    public EtcdException Unknown(string path)
    {
        var slash = path.LastIndexOf('/');
        if (path.Length == 0 || path[0] != '/' || slash == 0)
        {
            return GrpcErrors.BadPath(path);
        }

        var service = path[1..slash];
        return _services.Contains(service) ? GrpcErrors.UnknownMethod(service, path[(slash + 1)..]) : GrpcErrors.UnknownService(service);
    }
}
