using Microsoft.Extensions.DependencyInjection;

namespace Kine.Grains.Hosting;

/// <summary>
/// Puts the grain runtime into a process. It starts and stops as a hosted service (Microsoft.Extensions.Hosting.IHostedService);
/// services to be had: IGrainFactory, TimeProvider.
/// </summary>
public static partial class GrainHosting
{
    /// <summary>Adds the runtime this assembly was built for, with the grains of the product.</summary>
    public static IServiceCollection AddKineGrains(this IServiceCollection services, GrainHostingOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        AddRuntime(services, options);
        return services;
    }

    static partial void AddRuntime(IServiceCollection services, GrainHostingOptions options);
}
