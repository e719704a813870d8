using Microsoft.Extensions.DependencyInjection;
using Orleans.Runtime;

namespace Kine.Tests.Runtime;

/// <summary>Where silos put grains that do not care. Orleans looks at the load, so that on a busy machine all may come to lie in one silo.</summary>
internal static class Placement
{
    public static void AtRandom(IServiceCollection services) => services.AddSingleton<PlacementStrategy, RandomPlacement>();
}
