using Kine.Host.Grpc;

namespace Kine.Host.Services;

/// <summary>v3lockpb.Lock and v3electionpb.Election: clients do both themselves with leases and transactions, so the services are refused.</summary>
internal static class ConcurrencyServices
{
    private const string Reason = "kine: this service is not offered yet; client libraries lock and elect with leases and transactions, which work";

    public static void Bind(MethodTable methods)
    {
        foreach (var name in (string[])["Lock", "Unlock"])
        {
            methods.Add(new RefusedMethod("v3lockpb.Lock", name, Reason));
        }

        foreach (var name in (string[])["Campaign", "Proclaim", "Leader", "Observe", "Resign"])
        {
            methods.Add(new RefusedMethod("v3electionpb.Election", name, Reason));
        }
    }
}
