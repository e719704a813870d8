namespace Orleans;

/// <summary>Gives references to grains and observers. Safe for use from any thread.</summary>
public interface IGrainFactory
{
    /// <summary>A reference to the grain with this key. Nothing is activated before the first call.</summary>
    /// <exception cref="ArgumentException">No grain class is known for the interface.</exception>
    TGrainInterface GetGrain<TGrainInterface>(string primaryKey) where TGrainInterface : IGrainWithStringKey;

    /// <inheritdoc cref="GetGrain{TGrainInterface}(string)"/>
    TGrainInterface GetGrain<TGrainInterface>(long primaryKey) where TGrainInterface : IGrainWithIntegerKey;

    /// <summary>
    /// An address for <paramref name="obj"/> that may be handed to grains. Calls reach the object one at a time, in order.
    /// The caller keeps the object alive and ends with <see cref="DeleteObjectReference"/>.
    /// </summary>
    TGrainObserverInterface CreateObjectReference<TGrainObserverInterface>(IGrainObserver obj)
        where TGrainObserverInterface : IGrainObserver;

    /// <summary>Ends the address of an observer; <paramref name="obj"/> is the reference that was given for it.</summary>
    /// <exception cref="ArgumentException">The argument is no reference to an observer.</exception>
    void DeleteObjectReference<TGrainObserverInterface>(IGrainObserver obj) where TGrainObserverInterface : IGrainObserver;
}
