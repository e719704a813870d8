using System.Globalization;
using Kine.Grains.Embedded;
using Orleans.Runtime;

namespace Orleans;

/// <summary>What can be asked of a grain or of a reference to one.</summary>
public static class GrainExtensions
{
    /// <summary>The key that the grain was addressed by.</summary>
    /// <exception cref="ArgumentException">Neither a grain nor a reference to one.</exception>
    public static string GetPrimaryKeyString(this IAddressable grain) => IdOf(grain).Key;

    /// <inheritdoc cref="GetPrimaryKeyString"/>
    public static long GetPrimaryKeyLong(this IAddressable grain) =>
        long.Parse(IdOf(grain).Key, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);

    /// <summary>A reference to the grain, to be handed to others in place of the instance.</summary>
    /// <exception cref="ArgumentException">Not a grain, or its class does not have that interface.</exception>
    public static TGrainInterface AsReference<TGrainInterface>(this IAddressable grain)
        where TGrainInterface : class, IGrain => grain switch
        {
            IGrainBase instance => instance.GrainContext.ReferenceTo<TGrainInterface>(),
            TGrainInterface reference => reference,
            _ => throw new ArgumentException("Not a grain.", nameof(grain)),
        };

    private static GrainId IdOf(IAddressable grain) => grain switch
    {
        IGrainBase instance => instance.GrainContext.GrainId,
        IGrainReference reference => reference.Route.GrainId,
        _ => throw new ArgumentException("Neither a grain nor a reference to one.", nameof(grain)),
    };
}
